/** What the lab needs from where it runs (worker or Node), handed in so that the lab itself never looks for it. */
import type { ModelFiles } from '../formats/source';
import type { TokenizerFiles, TokenizerHandle } from '../formats/tokenizer';

export interface LabHost {
  /** The model that ships with the lab. */
  demo(): Promise<ModelFiles>;
  /** Bytes [begin, end) of the bundled text; the lab checks their meaning, the host that the file is the right one. */
  bundledText(): Promise<Uint8Array>;
  tokenizer(files: TokenizerFiles): Promise<TokenizerHandle>;
}
