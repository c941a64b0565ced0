/**
 * Where a vault keeps its keyslots: one small file, beside its store and never in it. A store may keep what was removed for long; of this file there is
 * one state, and what was replaced is gone as far as the file system lets it.
 */
export interface KeyslotFile {
  /** What was written last; `undefined` if nothing was. Rejects with `store-failed`. */
  read(): Promise<Uint8Array | undefined>
  /** Replaces all of it, or nothing. Resolves when a crash, also of the machine, can't undo it. Rejects with `store-failed`. */
  replace(bytes: Uint8Array): Promise<void>
}
