/** Every architecture that the lab opens; one line each. */
import { LabError } from '../../core/errors';
import { ConfigReader, type Architecture, type DecoderConfig } from './define';
import { llama, mistral } from './llama';

export const ARCHITECTURES: readonly Architecture[] = [llama, mistral];

/** The architecture of a config.json; ModelError with the model type's name when there is none. */
export function readConfig(config: Record<string, unknown>): { arch: Architecture; decoder: DecoderConfig } {
  const reader = new ConfigReader(config);
  const modelType = reader.string('model_type', '');
  const arch = ARCHITECTURES.find((a) => a.modelType === modelType);
  if (!arch) {
    const known = ARCHITECTURES.map((a) => a.modelType).join(', ');
    const named = modelType
      ? `Model type "${modelType}" is not supported`
      : 'config.json names no model_type';
    throw new LabError(
      'ModelError',
      `${named}; this version opens ${known}.`,
      'Choose a model of the LLaMA family.',
    );
  }
  if (reader.has('auto_map')) {
    throw new LabError(
      'ModelError',
      `The model brings its own code (auto_map in config.json), which the lab does not run.`,
      'Choose a model that transformers opens without remote code.',
    );
  }
  return { arch, decoder: arch.read(reader) };
}
