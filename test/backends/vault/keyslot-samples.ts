import { rootKeys } from '../../../src/backends/vault/held-root-keys.ts'
import type { KeyslotFile } from '../../../src/backends/vault/keyslot-file.ts'
import { createKeyslots, openKeyslots } from '../../../src/backends/vault/keyslots.ts'
import type { KeyslotsOptions } from '../../../src/backends/vault/keyslots.ts'
import { memoryKeyslots } from '../../../src/backends/vault/memory-keyslot-file.ts'
import { Secret } from '../../../src/backends/vault/passphrase.ts'
import type { Keyslots, RootKeys, Unlocker } from '../../../src/backends/vault/root-keys.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { toHex } from '../../crypto/sample-keys.ts'

/** The least that Argon2id may cost. */
export const cheapest = { memory: 19_456, passes: 2, lanes: 1 }

export const options: KeyslotsOptions = { random: randomBytes, now: () => 0, argon2: cheapest }

/** A key of 32 bytes. */
export const key = (byte: number, kind: 'key-file' | 'environment' = 'key-file'): Unlocker => new Secret(kind, new Uint8Array(32).fill(byte))

/** Keyslots in memory, and how often their file was replaced. */
export async function fresh(unlocker: Unlocker = key(1), more: Partial<KeyslotsOptions> = {}) {
  const memory = memoryKeyslots()
  let writes = 0
  const file: KeyslotFile = {
    read: memory.read,
    replace(bytes) {
      writes++
      return memory.replace(bytes)
    },
  }
  const { keyslots, keys } = await createKeyslots(file, unlocker, { ...options, ...more })
  return { file, keyslots, keys, writes: () => writes, bytes: async () => await file.read() ?? new Uint8Array(0) }
}

/** The keyslots of these bytes. */
export async function opened(bytes: Uint8Array, more: Partial<KeyslotsOptions> = {}): Promise<{ readonly keyslots: Keyslots; readonly file: KeyslotFile }> {
  const file = memoryKeyslots()
  await file.replace(bytes)
  const keyslots = await openKeyslots(file, { ...options, ...more })
  if (keyslots === undefined) throw new Error('There is no file')
  return { keyslots, file }
}

/** Root keys with one more generation. */
export function withGeneration(keys: RootKeys, generation: number): RootKeys {
  return rootKeys({ vault: keys.vault, keys: new Map([...keys.keys, [generation, randomBytes(32)]]), isInitialised: keys.isInitialised })
}

/** Root keys without one of the generations. */
export function withoutGeneration(keys: RootKeys, generation: number): RootKeys {
  return rootKeys({ vault: keys.vault, keys: new Map([...keys.keys].filter(([one]) => one !== generation)), isInitialised: keys.isInitialised })
}

/** To compare. */
export const plain = ({ vault, keys, isInitialised }: RootKeys) => ({ vault: toHex(vault), keys: [...keys].map(([generation, bytes]) => [generation, toHex(bytes)]), isInitialised })
