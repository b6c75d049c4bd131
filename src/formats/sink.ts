/** Where an export goes: a directory handle, OPFS staging for a download, or a Node folder. */
export interface ExportSink {
  create(path: string): Promise<void>;
  /** Appends. The caller may use `bytes` for something else when it resolves. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  close(path: string): Promise<void>;
  size(path: string): Promise<number>;
  /** Bytes [begin, end) of a closed file, read back from where they were written, in memory of their own. */
  read(path: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Removes what was written so far. */
  abort(): Promise<void>;
}
