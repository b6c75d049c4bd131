/** Models of the Hub on the command line, kept on disk between runs. */
import { LabError } from '../core/errors';
import type { ModelFiles } from '../formats/source';
import type { Console } from './io';

export function hubModelFiles(_id: string, _console: Console, _signal: AbortSignal): Promise<ModelFiles> {
  return Promise.reject(new LabError('FetchError', 'The Hub is not connected yet.'));
}
