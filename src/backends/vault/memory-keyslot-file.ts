import type { KeyslotFile } from './keyslot-file.ts'

/** A keyslot file that ends with the process. */
export function memoryKeyslots(): KeyslotFile {
  let written: Uint8Array | undefined
  return Object.freeze({
    read: async () => written && Uint8Array.from(written),
    async replace(bytes: Uint8Array) {
      written = Uint8Array.from(bytes)
    },
  })
}
