import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeyslotFile } from '../../../src/backends/vault/keyslot-file.ts'

/** What every keyslot file does. `make` gives one that nothing was written to. */
export function keyslotFileCompliance(name: string, make: () => Promise<KeyslotFile>): void {
  describe(`keyslot file: ${name}`, () => {
    test('there is nothing before something was written', async () => {
      expect(await (await make()).read()).toBeUndefined()
    })

    test('what was written last is read', async () => {
      await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 5000 }), { minLength: 1, maxLength: 4 }), async all => {
        const file = await make()
        for (const bytes of all) {
          await file.replace(bytes)
          expect(await file.read()).toEqual(bytes)
        }
      }), { numRuns: 15 })
    })

    test('replacing takes turns, and what was asked last stays', async () => {
      const file = await make()
      await Promise.all([1, 2, 3, 4].map(byte => file.replace(new Uint8Array(1000 * byte).fill(byte))))
      expect(await file.read()).toEqual(new Uint8Array(4000).fill(4))
    })

    test('it has copies: arrays stay the caller\'s', async () => {
      const file = await make()
      const bytes = Uint8Array.of(1, 2, 3)
      const replaced = file.replace(bytes)
      bytes.fill(9)
      await replaced
      const read = await file.read()
      expect(read).toEqual(Uint8Array.of(1, 2, 3))
      read?.fill(9)
      expect(await file.read()).toEqual(Uint8Array.of(1, 2, 3))
    })
  })
}
