import type { DeviceRecord } from '../core/report';

/** A device as rows name it. */
export function deviceName(d: DeviceRecord): string {
  const name = d.description || [d.vendor, d.architecture].filter(Boolean).join(' ') || 'unknown adapter';
  return `${name} (${[d.software ? 'software' : '', d.backend].filter(Boolean).join(', ')})`;
}
