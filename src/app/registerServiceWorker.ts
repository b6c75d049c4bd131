/**
 * Keeps the lab for the next visit without a network (see scripts/vite/sw.template.js). Call it once, when the first
 * model is on the screen: what it fetches must not compete with the first load.
 *
 * Does nothing in development, and where service workers do not exist (plain http, private windows). Never rejects:
 * the page works without it.
 */
export async function registerServiceWorker(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  try {
    // Relative to the page, so that it works under any sub-path.
    await navigator.serviceWorker.register(new URL('sw.js', document.baseURI));
    const registration = await navigator.serviceWorker.ready;
    registration.active?.postMessage('keep-data');
  } catch {
    // Refused or out of room; there is nothing that the user could do about it.
  }
}
