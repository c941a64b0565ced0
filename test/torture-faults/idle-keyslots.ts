import type { Faults } from '../../torture/world.ts'

/** A keyslot file that says it was replaced, and was not, but for the first time. */
export const faults: Faults = {
  keyslots: file => ({
    read: () => file.read(),
    async replace(bytes) {
      if (await file.read() === undefined) await file.replace(bytes)
    },
  }),
}
