/** Another Hub for tests, `?hub=`: loopback addresses only, so that a link cannot send anyone elsewhere. */
export function hubEndpoint(query = location.search): string | undefined {
  const given = new URLSearchParams(query).get('hub');
  if (given === null) return undefined;
  try {
    const url = new URL(given);
    const loopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
    return loopback && /^https?:$/.test(url.protocol) ? url.origin : undefined;
  } catch {
    return undefined;
  }
}
