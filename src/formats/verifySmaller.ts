/** The part of verifyExport.ts about models that have lost heads or channels; it shares no code with the writers either. */
import type { ExportedFolder } from './verifyExport';

const MAX_CONFIG = 4 << 20;

/** What does not hold: the config says the sizes of the record, and every layer lost as many heads and channels. */
export async function smallerFaults(
  folder: ExportedFolder,
  structured: Record<string, unknown>,
): Promise<string[]> {
  const faults: string[] = [];
  const config = await readConfig(folder);
  const changed = structured['config'];
  for (const [key, sizes] of Object.entries(typeof changed === 'object' && changed !== null ? changed : {})) {
    const said = (sizes as { after?: unknown } | null)?.after;
    const found = config?.[key];
    if (typeof said !== 'number' || found !== said)
      faults.push(`config.json: ${key} is ${String(found)}, the report says ${String(said)}`);
  }
  for (const kind of ['heads', 'channels']) {
    const layers = structured[kind];
    const counts = Array.isArray(layers)
      ? layers.map((groups: unknown) => (Array.isArray(groups) ? new Set(groups).size : NaN))
      : [NaN];
    if (counts.some((n) => n !== counts[0]))
      faults.push(`structured: not every layer has lost as many ${kind}`);
  }
  return faults;
}

async function readConfig(folder: ExportedFolder): Promise<Record<string, unknown> | null> {
  if (!(await folder.list()).includes('config.json')) return null;
  const size = await folder.size('config.json');
  if (size > MAX_CONFIG) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(await folder.read('config.json', 0, size)));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
