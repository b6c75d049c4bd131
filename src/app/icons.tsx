/** The few glyphs of the page, 16 x 16, drawn with the text colour. Always beside or inside something that is named. */
const PATHS = {
  undo: 'M6 3 2.5 6.5 6 10M3 6.5h6.5a4 4 0 0 1 0 8H7',
  redo: 'M10 3l3.500 3.500L10 10M13 6.500H6.500a4 4 0 0 0 0 8H9',
  close: 'M4 4l8 8M12 4l-8 8',
  chevron: 'M4.500 6.500 8 10l3.500-3.500',
  check: 'M3.500 8.500 6.500 11.500 12.500 5',
  table: 'M2.500 3.500h11v9h-11zM2.500 6.500h11M2.500 9.500h11M6.500 3.500v9',
  csv: 'M8 2.500v7.500M4.800 7 8 10.200 11.200 7M3 13.500h10',
  image: 'M2.500 3.500h11v9h-11zM2.500 10.500l3-3 2.500 2.500 2-2 3.500 3.500M10.200 6.200h.1',
  moon: 'M13 9.500A5.500 5.500 0 1 1 6.500 3a4.500 4.500 0 0 0 6.500 6.500z',
  sun: 'M8 5.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600zM8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1 1M11.600 11.600l1 1M12.600 3.400l-1 1M4.400 11.600l-1 1',
  share: 'M8 10V2.5M5 5.200 8 2.500l3 2.700M4 7.500H3v6h10v-6h-1',
  lock: 'M4 7.500h8v6H4zM5.500 7.500V5.500a2.500 2.500 0 0 1 5 0v2',
  pin: 'M6 2.500h4M6.800 2.500v4L4.500 9h7L9.200 6.500v-4M8 9v4.500',
  history: 'M3 8a5 5 0 1 0 1.600-3.660M3 2.500v2.500h2.500M8 5.200V8l2 1.500',
  trash:
    'M3 4.500h10M6.500 4.500v-1.500h3v1.500M4.500 4.500l.6 8.500h5.800l.6-8.500M6.800 7v3.500M9.200 7v3.500',
  alert: 'M8 2.500 14.500 13.500h-13zM8 6.500v3.500M8 11.800v.1',
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
