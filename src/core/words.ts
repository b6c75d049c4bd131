/** Wording that page, command line and files share. Pure. */
import type { DeviceRecord } from './report';

/** "1 layer", "16 layers": a count before its noun, the plural by an s. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** What a device calls itself; browsers tell little more than its maker. */
export function deviceName({ description, vendor, architecture }: DeviceRecord): string {
  return description || [vendor, architecture].filter(Boolean).join(' ');
}
