/** Part of a run's id: raised when the engine's results may change. */
export const ENGINE_VERSION = '0.1.0';
