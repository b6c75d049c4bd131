/** Models of the Hub in the page, loaded only when asked for. */
import { LabError } from '../core/errors';
import type { ModelFiles } from '../formats/source';
import type { JobIo } from './lab';
import type { HubPreview, ModelRequest } from './protocol';

export function previewHubModel(_id: string, _revision: string | undefined, _endpoint: string | undefined): Promise<HubPreview> {
  return Promise.reject(new LabError('FetchError', 'The Hub is not connected yet.'));
}

export function openHubModel(_request: Extract<ModelRequest, { kind: 'hub' }>, _io: JobIo): Promise<{ files: ModelFiles; name: string }> {
  return Promise.reject(new LabError('FetchError', 'The Hub is not connected yet.'));
}
