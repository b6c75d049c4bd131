/** Identity of a run: equal for equal inputs, on the page and on the command line, wherever the files lie. */
import { canonicalJson } from './canonicalJson';
import { sha256Hex } from './hash';
import type { LabSpec } from './spec';

export interface RunInputs {
  /** Of the weights. */
  modelSha256: string;
  /** Of the three texts, null for one that was not needed, then of the calibration draws of further seeds. */
  textSha256: readonly (string | null)[];
  spec: LabSpec;
  engineVersion: string;
}

/**
 * SHA-256 of model, text ids, spec and engine version. What the spec calls the model and the texts is left out: their
 * bytes are in already, and a name is a path here and a file name there.
 */
export function runId({ modelSha256, textSha256, spec, engineVersion }: RunInputs): Promise<string> {
  return sha256Hex(canonicalJson([modelSha256, textSha256, decidingPart(spec), engineVersion]));
}

/** Whether two specs ask for the same, names of files apart. */
export function sameSpec(a: LabSpec, b: LabSpec): boolean {
  return canonicalJson(decidingPart(a)) === canonicalJson(decidingPart(b));
}

function decidingPart({ model: _model, texts: _texts, ...rest }: LabSpec): object {
  return rest;
}
