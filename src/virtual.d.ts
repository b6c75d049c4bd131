/** Address of the engine's worker (scripts/vite/engineWorker.js). */
declare module 'virtual:engine-worker' {
  const url: string;
  export default url;
}
