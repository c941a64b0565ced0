import { bytesToHex } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'
import { ARGON2_DEFAULT, outOfBounds } from '../../crypto/argon2.ts'
import type { Argon2Parameters } from '../../crypto/argon2.ts'
import { sameBytes } from '../../crypto/bytes.ts'
import { draw } from '../../crypto/random.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { copyRootKeys, eraseRootKeys, packRootKeys, rootKeys, unpackRootKeys } from './held-root-keys.ts'
import { InTurn } from './in-turn.ts'
import { isAuthentic, macOf, sealVoucher, unsealVoucher } from './keyslot-authenticity.ts'
import type { KeyslotFile } from './keyslot-file.ts'
import { damaged, decodeKeyslots, encodeKeyslots, KEY_LENGTH, SALT_LENGTH, SLOTS_LIMIT, VAULT_LENGTH } from './keyslot-format.ts'
import type { KeyslotContents, SealedSlot } from './keyslot-format.ts'
import { makeSlot, openKeys, openSlot, sealKeys, secretOf } from './keyslot.ts'
import type { SlotSecret } from './keyslot.ts'
import type { Keyslots, RootKeys, Slot, Unlocker } from './root-keys.ts'
import { UnlockMeter } from './unlock-meter.ts'

export interface KeyslotsOptions {
  readonly random: RandomBytes
  /** Milliseconds; may be of any epoch. */
  readonly now: () => number
  /** For the slots of passphrases that are added. */
  readonly argon2?: Argon2Parameters
}

/** Draws root keys, of generation 1, and writes the first file. Rejects with `invalid-argument` where there is one, `store-failed`, and as the unlocker does. */
export async function createKeyslots(
  file: KeyslotFile, unlocker: Unlocker, options: KeyslotsOptions,
): Promise<{ readonly keyslots: Keyslots; readonly keys: RootKeys }> {
  if (await file.read() !== undefined) throw new Fault('invalid-argument', 'There are keyslots already: open them, or name another file')
  const { random } = options
  const voucher = draw(random, KEY_LENGTH)
  const keys = rootKeys({ vault: draw(random, VAULT_LENGTH), keys: new Map([[1, draw(random, KEY_LENGTH)]]), isInitialised: false })
  try {
    const slot = await newSlot(unlocker, keys, voucher, options)
    const contents = await written(file, keys, [slot], voucher, random)
    return { keyslots: new FileKeyslots(file, contents, options), keys }
  } catch (error) {
    eraseRootKeys(keys)
    throw error
  } finally {
    voucher.fill(0)
  }
}

/** The keyslots of that file, if there is one. Rejects with `keyslots-damaged`, `store-newer`, `store-failed`. */
export async function openKeyslots(file: KeyslotFile, options: KeyslotsOptions): Promise<Keyslots | undefined> {
  const bytes = await file.read()
  return bytes && new FileKeyslots(file, decodeKeyslots(bytes), options)
}

/** The contents have no secrets but sealed ones. */
class FileKeyslots implements Keyslots {
  readonly #file: KeyslotFile
  readonly #options: KeyslotsOptions
  readonly #meter: UnlockMeter
  /** One attempt at a time: many at once would take the memory of many, and all be made before the first is known to be wrong. */
  readonly #turns = new InTurn()
  #contents: KeyslotContents

  constructor(file: KeyslotFile, contents: KeyslotContents, options: KeyslotsOptions) {
    this.#file = file
    this.#contents = contents
    this.#options = options
    this.#meter = new UnlockMeter(options.now)
  }

  get slots(): readonly Slot[] {
    return this.#contents.slots.map(({ id, kind }) => Object.freeze({ id, kind }))
  }

  unlock(unlocker: Unlocker): Promise<RootKeys> {
    return this.#turns.run(() => this.#opening(unlocker, (slot, opened) => this.#keysOf(slot, opened)))
  }

  async replaceKeys(current: RootKeys, next: RootKeys): Promise<void> {
    const own = copyRootKeys(next)
    const packed = packRootKeys(own)
    try {
      await this.#change(current, async (slots, { vault }, voucher) => {
        if (!sameBytes(own.vault, vault)) throw new Fault('invalid-argument', 'These are the root keys of another vault')
        const sealed = await Promise.all(slots.map(async slot => ({ ...slot, sealedKeys: await sealKeys({ ...slot, vault }, packed) })))
        await this.#write(own, sealed, voucher)
      })
    } finally {
      packed.fill(0)
      eraseRootKeys(own)
    }
  }

  addSlot(current: RootKeys, unlocker: Unlocker, replaced?: string | Unlocker): Promise<string> {
    return this.#change(current, async (slots, keys, voucher) => {
      const replacing = typeof replaced === 'object' ? await this.#opening(replaced, ({ id }) => id) : replaced
      if (replacing !== undefined) requireSlot(slots, replacing)
      else if (slots.length === SLOTS_LIMIT) throw new Fault('invalid-argument', `A vault has at most ${SLOTS_LIMIT} keyslots: remove or replace one`)
      const added = await newSlot(unlocker, keys, voucher, this.#options)
      if (slots.some(({ id }) => id === added.id)) throw new Fault('invalid-argument', 'The random source gave the id of another slot: nothing was changed')
      await this.#write(keys, replacing === undefined ? [...slots, added] : slots.map(slot => slot.id === replacing ? added : slot), voucher)
      return added.id
    })
  }

  removeSlot(current: RootKeys, id: string): Promise<void> {
    return this.#change(current, async (slots, keys, voucher) => {
      requireSlot(slots, id)
      if (slots.length === 1) throw new Fault('invalid-argument', 'This is the last keyslot, and nothing would open the vault without it: add another one first')
      await this.#write(keys, slots.filter(slot => slot.id !== id), voucher)
    })
  }

  /** What is to be done with the slot that this opens. */
  async #opening<T>(unlocker: Unlocker, act: (slot: SealedSlot, opened: SlotSecret) => T | Promise<T>): Promise<T> {
    this.#meter.assertOpen()
    const secret = await secretOf(unlocker)
    try {
      const { slot, opened } = await this.#find(unlocker, secret)
      try {
        return await act(slot, opened)
      } finally {
        opened.seed.fill(0)
        opened.voucher.fill(0)
      }
    } finally {
      secret.fill(0)
    }
  }

  /** The slot that opens with this secret. All of its kind are tried, and nothing tells which was nearest. */
  async #find({ kind }: Unlocker, secret: Uint8Array): Promise<{ readonly slot: SealedSlot; readonly opened: SlotSecret }> {
    const { vault, slots } = this.#contents
    for (const slot of slots.filter(one => one.kind === kind)) {
      // oxlint-disable-next-line no-await-in-loop -- each may take much memory
      const opened = await openSlot({ ...slot, vault }, secret)
      if (opened === undefined) continue
      this.#meter.right()
      return { slot, opened }
    }
    this.#meter.wrong()
    throw new Fault('wrong-passphrase', `No keyslot opens with this ${kind}: it is another one's, or the keyslot file has been damaged`)
  }

  async #keysOf(slot: SealedSlot, { seed, voucher }: SlotSecret): Promise<RootKeys> {
    const { vault } = this.#contents
    const packed = await openKeys({ ...slot, vault }, seed)
    const keys = packed && unpackRootKeys(vault, packed)
    packed?.fill(0)
    if (keys === undefined) throw damaged('the root keys do not open')
    if (isAuthentic(this.#contents, keys, voucher)) return keys
    eraseRootKeys(keys)
    throw damaged('its mac is wrong')
  }

  /** Nothing is sealed to the slots of a file that was not authenticated by the root keys it holds. */
  async #change<T>(current: RootKeys, work: (slots: readonly SealedSlot[], keys: RootKeys, voucher: Uint8Array) => Promise<T>): Promise<T> {
    const keys = copyRootKeys(current)
    try {
      return await this.#turns.run(async () => {
        const { slots, sealedVoucher } = this.#contents
        const voucher = unsealVoucher(keys, sealedVoucher)
        try {
          if (voucher === undefined || !isAuthentic(this.#contents, keys, voucher)) throw damaged('it holds other root keys')
          return await work(slots, keys, voucher)
        } finally {
          voucher?.fill(0)
        }
      })
    } finally {
      eraseRootKeys(keys)
    }
  }

  async #write(keys: RootKeys, slots: readonly SealedSlot[], voucher: Uint8Array): Promise<void> {
    this.#contents = await written(this.#file, keys, slots, voucher, this.#options.random)
  }
}

async function written(
  file: KeyslotFile, keys: RootKeys, slots: readonly SealedSlot[], voucher: Uint8Array, random: RandomBytes,
): Promise<KeyslotContents> {
  const body = { vault: Uint8Array.from(keys.vault), slots, sealedVoucher: sealVoucher(keys, voucher, random) }
  const contents = { ...body, mac: macOf(body, keys, voucher) }
  await file.replace(encodeKeyslots(contents))
  return contents
}

async function newSlot(unlocker: Unlocker, keys: RootKeys, voucher: Uint8Array, { random, argon2 = ARGON2_DEFAULT }: KeyslotsOptions): Promise<SealedSlot> {
  const { kind } = unlocker
  const problem = kind === 'passphrase' ? outOfBounds(argon2) : undefined
  if (problem !== undefined) throw new Fault('invalid-argument', `Argon2id takes ${problem}`)
  const { memory, passes, lanes } = argon2
  const identity = {
    id: bytesToHex(draw(random, ID_LENGTH)), kind, salt: draw(random, SALT_LENGTH), ...kind === 'passphrase' && { argon2: { memory, passes, lanes } },
  }
  const secret = await secretOf(unlocker)
  const packed = packRootKeys(keys)
  try {
    const pair = await makeSlot({ ...identity, vault: keys.vault }, secret, voucher, random)
    return { ...identity, ...pair, sealedKeys: await sealKeys({ ...identity, ...pair, vault: keys.vault }, packed) }
  } finally {
    secret.fill(0)
    packed.fill(0)
  }
}

const ID_LENGTH = 8

function requireSlot(slots: readonly SealedSlot[], id: string): void {
  if (!slots.some(slot => slot.id === id)) throw new Fault('not-found', `There is no keyslot ${JSON.stringify(id)}`)
}
