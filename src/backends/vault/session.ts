import { bytesToNumberBE } from '@noble/curves/utils.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'
import { deriveKey, seal, unseal } from '../../crypto/sealing.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import type { Row } from '../../stores/store.ts'
import type { RootKeys } from './root-keys.ts'

const VERSION = 1
const HEAD_LENGTH = 5
const LABEL = Uint8Array.of(...new TextEncoder().encode('ipse/vault/1'), 0)

/** What is done with the root key of one generation while the vault is unlocked. */
export class Session {
  readonly generation: number
  #keys: RootKeys
  readonly #root: Uint8Array
  /** Keyed, for the digest: what follows from the key is not computed anew for each row. */
  readonly #digest: ReturnType<typeof hmac.create>
  readonly #random: RandomBytes

  /** Takes the keys over, among which is that generation's. */
  constructor(keys: RootKeys, generation: number, random: RandomBytes) {
    const root = keys.keys.get(generation)
    if (root === undefined) throw new Fault('keyslots-damaged', `The keyslots hold no root key of generation ${generation}`)
    this.generation = generation
    this.#keys = keys
    this.#root = root
    this.#random = random
    const digestKey = deriveKey(root, 'vault/digest')
    this.#digest = hmac.create(sha256, digestKey)
    digestKey.fill(0)
  }

  /** What the keyslots hold. Still the session's own. */
  get keys(): RootKeys {
    return this.#keys
  }

  /** Takes note that the keyslots hold these now. What they lack of what they held before is erased. */
  hold(keys: RootKeys): void {
    const held = new Set(keys.keys.values())
    for (const key of this.#keys.keys.values()) if (!held.has(key)) key.fill(0)
    this.#keys = keys
  }

  /** A row whose value only this key, vault and generation opens, and only under this row's key. */
  seal(key: Uint8Array, plaintext: Uint8Array): Row {
    const rowKey = deriveKey(this.#root, 'vault/row', key)
    try {
      return { key, value: concatBytes(headOf(this.generation), seal(rowKey, plaintext, this.#associated(key), this.#random)) }
    } finally {
      rowKey.fill(0)
    }
  }

  /** What was sealed, which the caller erases; `undefined` for what was not sealed by this session's key as the value of this row. */
  unseal({ key, value }: Row): Uint8Array | undefined {
    if (generationOf(value) !== this.generation) return undefined
    const rowKey = deriveKey(this.#root, 'vault/row', key)
    try {
      return unseal(rowKey, value.subarray(HEAD_LENGTH), this.#associated(key))
    } finally {
      rowKey.fill(0)
    }
  }

  /** What a row adds to the digest of all: see `manifest.ts`. */
  weigh({ key, value }: Row): bigint {
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, key.length)
    return bytesToNumberBE(this.#digest.clone().update(length).update(key).update(value).digest())
  }

  /** This generation's root key, and those of `others`. */
  keysWith(others: readonly (readonly [number, Uint8Array])[]): RootKeys {
    return { vault: this.#keys.vault, keys: new Map([[this.generation, this.#root], ...others]), isInitialised: true }
  }

  erase(): void {
    eraseKeys(this.#keys)
    this.retire()
  }

  /** Erases what is its own, and not the root keys: others have these in use. */
  retire(): void {
    this.#digest.destroy()
  }

  #associated(key: Uint8Array): Uint8Array {
    return concatBytes(LABEL, this.#keys.vault, headOf(this.generation), key)
  }
}

export function eraseKeys({ keys }: RootKeys): void {
  for (const key of keys.values()) key.fill(0)
}

/** The generation of the root key that a row is sealed with; `undefined` for what is no row of this version. */
export function generationOf(value: Uint8Array): number | undefined {
  if (value.length < HEAD_LENGTH || value[0] !== VERSION) return undefined
  return new DataView(value.buffer, value.byteOffset).getUint32(1)
}

function headOf(generation: number): Uint8Array {
  const head = new Uint8Array(HEAD_LENGTH)
  head[0] = VERSION
  new DataView(head.buffer).setUint32(1, generation)
  return head
}
