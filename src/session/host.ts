/** What the lab needs from where it runs (worker or Node), handed in so that the lab itself never looks for it. */
import type { HubStorage } from '../formats/hubStorage';
import type { HubText } from '../formats/hubTexts';
import type { ModelFiles } from '../formats/source';
import type { HubTaskId, TaskDocuments } from '../formats/zeroshot/hubTask';
import type { TokenizerFiles, TokenizerHandle } from '../formats/tokenizer';

/** Where a text has to be fetched first: how far, and an end to it. */
export interface TextIo {
  signal?: AbortSignal | undefined;
  onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

export interface LabHost {
  /** The model that ships with the lab. */
  demo(): Promise<ModelFiles>;
  /** Bytes [begin, end) of the bundled text; the lab checks their meaning, the host that the file is the right one. */
  bundledText(): Promise<Uint8Array>;
  /** A text of the Hub by its name (see formats/hubId); absent where there is no Hub. */
  hubText?(name: string, io: TextIo): Promise<HubText>;
  /** Documents of a zero-shot task's data set on the Hub; absent where there is no Hub. */
  hubTask?(task: HubTaskId, revision: string | undefined, io: TextIo): Promise<TaskDocuments>;
  /** Where measured choices are kept between visits; absent or null: they are measured anew. */
  storage?(): Promise<Pick<HubStorage, 'read' | 'write'> | null>;
  tokenizer(files: TokenizerFiles): Promise<TokenizerHandle>;
}
