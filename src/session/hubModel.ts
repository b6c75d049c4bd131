/** Models of the Hub in the page; this file and `@huggingface/hub` are loaded with the first use. */
import { hubFiles, resolveHub, type HubModel } from '../formats/hub';
import type { ModelFiles } from '../formats/source';
import type { JobIo } from './lab';
import type { HubPreview, ModelRequest } from './protocol';

const fetchHere: typeof fetch = (input, init) => fetch(input, init);

/** What would be fetched, before anything is. */
export async function previewHubModel(
  id: string,
  revision: string | undefined,
  endpoint: string | undefined,
): Promise<HubPreview> {
  const {
    name,
    revision: asked,
    commit,
    bytes,
    files,
  } = await resolveHub(id, { revision, hubUrl: endpoint, fetch: fetchHere });
  return { name, revision: asked, commit, bytes, files: files.map(({ path, size }) => ({ path, size })) };
}

export async function openHubModel(
  request: Extract<ModelRequest, { kind: 'hub' }>,
  io: JobIo,
): Promise<{ files: ModelFiles; name: string }> {
  const options = {
    revision: request.revision,
    hubUrl: request.endpoint,
    fetch: fetchHere,
    signal: io.signal,
  };
  const model: HubModel = await resolveHub(request.id, options);
  return { files: hubFiles(model, options), name: hubName(model) };
}

/** How reports name a model of the Hub: with the commit that was read. */
export function hubName(model: Pick<HubModel, 'name' | 'commit'>): string {
  return `hf:${model.name}@${model.commit}`;
}
