import { Fault } from '../../core/errors.ts'
import { isBytesOf } from '../../crypto/bytes.ts'
import { secretBytes, secretCopy } from '../../crypto/secret-bytes.ts'
import { KEY_LENGTH, VAULT_LENGTH } from './keyslot-format.ts'
import type { RootKeys } from './root-keys.ts'

/** As many generations as are ever sealed: more would be no rotation. */
export const GENERATIONS_LIMIT = 16
const HIGHEST = 2 ** 32 - 1
const ROW_LENGTH = 4 + KEY_LENGTH

/** Root keys of which nothing that inspects them prints the keys. It keeps the arrays, and no copies. Throws `invalid-argument` for what are none. */
export function rootKeys({ vault, keys, isInitialised }: RootKeys): RootKeys {
  requireRootKeys({ vault, keys, isInitialised })
  return new HeldRootKeys(vault, keys, isInitialised)
}

/** The same in arrays of their own, which the caller erases: whoever gave them may erase his meanwhile. Throws `invalid-argument` for what are no root keys. */
export function copyRootKeys(original: RootKeys): RootKeys {
  requireRootKeys(original)
  const { vault, keys, isInitialised } = original
  return new HeldRootKeys(Uint8Array.from(vault), new Map(Array.from(keys, ([generation, key]) => [generation, secretCopy(key)])), isInitialised)
}

/** Overwrites the keys. */
export function eraseRootKeys({ keys }: RootKeys): void {
  for (const key of keys.values()) key.fill(0)
}

/** The key of the newest generation. */
export function newestKey({ keys }: RootKeys): Uint8Array {
  const newest = keys.get(Math.max(...keys.keys()))
  if (newest === undefined) throw new Fault('invalid-argument', 'There are no root keys')
  return newest
}

class HeldRootKeys implements RootKeys {
  readonly vault: Uint8Array
  readonly isInitialised: boolean
  readonly #keys: ReadonlyMap<number, Uint8Array>

  constructor(vault: Uint8Array, keys: ReadonlyMap<number, Uint8Array>, isInitialised: boolean) {
    this.vault = vault
    this.isInitialised = isInitialised
    this.#keys = new Map(keys)
  }

  get keys(): ReadonlyMap<number, Uint8Array> {
    return this.#keys
  }
}

function requireRootKeys({ vault, keys, isInitialised }: RootKeys): void {
  const areKeys = keys.size >= 1 && keys.size <= GENERATIONS_LIMIT && Array.from(keys).every(([generation, key]) =>
    Number.isInteger(generation) && generation >= 1 && generation <= HIGHEST && isBytesOf(key, KEY_LENGTH))
  if (areKeys && isBytesOf(vault, VAULT_LENGTH) && typeof isInitialised === 'boolean') return
  throw new Fault('invalid-argument', `Root keys are those of 1 to ${GENERATIONS_LIMIT} generations, of ${KEY_LENGTH} bytes each, and a vault of ${VAULT_LENGTH} bytes`)
}

/**
 * What is sealed to each slot, of which the caller erases the array: `u8 is initialised`, then for each generation, in ascending order, `u32 generation ‖ key`.
 * No encoder makes it, which would leave copies.
 */
export function packRootKeys({ keys, isInitialised }: RootKeys): Uint8Array {
  const packed = secretBytes(1 + keys.size * ROW_LENGTH)
  const view = new DataView(packed.buffer)
  packed[0] = isInitialised ? 1 : 0
  for (const [at, [generation, key]] of Array.from(keys).toSorted(([a], [b]) => a - b).entries()) {
    view.setUint32(1 + at * ROW_LENGTH, generation)
    packed.set(key, 1 + at * ROW_LENGTH + 4)
  }
  return packed
}

/** What was packed, in arrays of its own; `undefined` for whatever else. */
export function unpackRootKeys(vault: Uint8Array, packed: Uint8Array): RootKeys | undefined {
  const count = (packed.length - 1) / ROW_LENGTH
  const [initialised = 2] = packed
  if (!Number.isInteger(count) || count < 1 || count > GENERATIONS_LIMIT || initialised > 1) return undefined
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length)
  const rows = Array.from({ length: count }, (_, at): readonly [number, Uint8Array] => {
    const start = 1 + at * ROW_LENGTH
    return [view.getUint32(start), secretCopy(packed.subarray(start + 4, start + ROW_LENGTH))]
  })
  const areAscending = rows.every(([generation], at) => generation > (rows[at - 1]?.[0] ?? 0))
  return areAscending ? new HeldRootKeys(Uint8Array.from(vault), new Map(rows), initialised === 1) : undefined
}
