import { hkdfSync } from 'node:crypto'
import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { identityOf, packRecord, unpackRecord } from '../../src/backends/credential/record.ts'
import type { Credential, CredentialRecord } from '../../src/backends/credential/record.ts'
import { attemptOf, CredentialRecords } from '../../src/backends/credential/records.ts'
import { newSalt, unwrapKey, wrapKey } from '../../src/backends/credential/wrapping.ts'
import { encodeData } from '../../src/core/encoding.ts'
import { encryptionByName } from '../../src/crypto/encryptions.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { unseal } from '../../src/crypto/sealing.ts'
import { keyOf } from '../../src/stores/key.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { Row, Store } from '../../src/stores/store.ts'
import { flip, join, secretOf, utf8, x25519Scheme } from '../crypto/sample-keys.ts'

const refused = (code: string) => expect.objectContaining({ code })

describe('a wrapped key', () => {
  const scheme = x25519Scheme()
  const given = secretOf(0x31)
  const secretKey = secretOf(0x32)
  const context = { credential: utf8('a credential'), publicKey: scheme.publicKey(secretKey), salt: newSalt(randomBytes) }
  const { salt, sealed } = wrapKey(given, secretKey, context, randomBytes)

  test('opens for what it was wrapped for', () => {
    expect(salt).toEqual(context.salt)
    expect(unwrapKey(given, sealed, context, scheme)).toEqual(secretKey)
    expect(given).toEqual(secretOf(0x31))
    expect(sealed.length).toBe(32 + 1 + 24 + 32 + 16)
    expect(Buffer.from(sealed).includes(Buffer.from(secretKey))).toBe(false)
  })

  test('is sealed as the formats say', () => {
    const parts = [context.credential, context.publicKey, context.salt].flatMap(part => [Uint8Array.of(0, 0, 0, part.length), part])
    const key = new Uint8Array(hkdfSync('sha256', given, new Uint8Array(0), join(utf8('ipse/key/1\0'), Uint8Array.of(0, 0, 0, 4), utf8('wrap'), ...parts), 32))
    expect(unseal(key, sealed, utf8('ipse/wrap/1\0'))).toEqual(secretKey)
  })

  test('opens for no other credential, salt, key, or anything else that was given', () => {
    const other = scheme.publicKey(secretOf(0x33))
    for (const [wrong, of] of [
      [secretOf(0x34), context], [given, { ...context, credential: utf8('another') }], [given, { ...context, credential: new Uint8Array(0) }],
      [given, { ...context, salt: newSalt(randomBytes) }], [given, { ...context, publicKey: other }],
      // The same bytes, parted elsewhere.
      [given, { ...context, credential: join(context.credential, context.publicKey.subarray(0, 1)), publicKey: context.publicKey.subarray(1) }],
      [given.subarray(1), context], [join(given, given), context], [new Uint8Array(0), context],
    ] as const) {
      expect(unwrapKey(wrong, sealed, of, scheme)).toBeUndefined()
    }
  })

  test('that holds another key than that public one\'s, or one of another length, does not open', () => {
    for (const other of [secretOf(0x33), secretKey.subarray(1), join(secretKey, secretKey), new Uint8Array(0)]) {
      expect(unwrapKey(given, wrapKey(given, other, context, randomBytes).sealed, context, scheme)).toBeUndefined()
    }
    expect(unwrapKey(given, sealed, context, encryptionByName('X-Wing') ?? expect.fail('there is no X-Wing'))).toBeUndefined()
  })

  test('does not open with a bit flipped, a byte more, or cut off', () => {
    for (let bit = 0; bit < sealed.length * 8; bit++) expect(unwrapKey(given, flip(sealed, bit), context, scheme), `bit ${bit}`).toBeUndefined()
    for (let length = 0; length < sealed.length; length++) expect(unwrapKey(given, sealed.subarray(0, length), context, scheme)).toBeUndefined()
    expect(unwrapKey(given, join(sealed, Uint8Array.of(0)), context, scheme)).toBeUndefined()
  })

  test('is never of bytes that no authenticator gave', () => {
    for (const wrong of [new Uint8Array(0), given.subarray(1), join(given, given)]) expect(() => wrapKey(wrong, secretKey, context, randomBytes)).toThrow(refused('invalid-argument'))
    // @ts-expect-error nothing
    expect(() => wrapKey(undefined, secretKey, context, randomBytes)).toThrow(refused('invalid-argument'))
  })

  test('is another one each time', () => {
    expect(wrapKey(given, secretKey, context, randomBytes).sealed).not.toEqual(sealed)
    expect(newSalt(randomBytes)).not.toEqual(newSalt(randomBytes))
  })
})

const credential: Credential = {
  id: utf8('a credential'), relyingParty: 'ipse', user: utf8('user'), resident: false, counter: 0, aaguid: new Uint8Array(16), label: 'A key', transports: ['usb'],
  wrapped: { salt: secretOf(1), sealed: new Uint8Array(105), userVerified: true },
}
const recordOf = (name: string, change: Partial<CredentialRecord> = {}): CredentialRecord => ({
  name, bundle: utf8(`bundle of ${name}`), params: 'P256', capabilities: 'CommitAndDecrypt', attempt: attemptOf(`attempt of ${name}`), credentials: [credential], ...change,
})

describe('a record', () => {
  test('is read back as it was', () => {
    const { wrapped: _, ...bare } = credential
    for (const record of [recordOf('z1'), recordOf('z2', { credentials: [bare, credential] })]) expect(unpackRecord(packRecord(record))).toEqual(record)
    const { bundle: __, ...unbundled } = recordOf('z3')
    expect(unpackRecord(packRecord(unbundled))).toEqual(unbundled)
    expect(identityOf(unbundled)).toEqual({ node: null, name: 'z3' })
    expect(identityOf(recordOf('z1'))).toMatchObject({ node: null, name: 'z1', bundle: utf8('bundle of z1') })
  })

  test.each<[string, Partial<CredentialRecord>]>([
    ['no credential', { credentials: [] }], ['too many', { credentials: Array.from({ length: 17 }, () => credential) }],
    ['a credential without an id', { credentials: [{ ...credential, id: new Uint8Array(0) }] }], ['an id that is too long', { credentials: [{ ...credential, id: new Uint8Array(1024) }] }],
    ['a user id that is too long', { credentials: [{ ...credential, user: new Uint8Array(65) }] }], ['a label that is too long', { credentials: [{ ...credential, label: 'x'.repeat(257) }] }],
    ['a counter below 0', { credentials: [{ ...credential, counter: -1 }] }], ['a counter that is no integer', { credentials: [{ ...credential, counter: 0.5 }] }],
    ['another salt', { credentials: [{ ...credential, wrapped: { salt: new Uint8Array(31), sealed: new Uint8Array(105), userVerified: true } }] }],
    ['an aaguid of another length', { credentials: [{ ...credential, aaguid: new Uint8Array(15) }] }], ['an empty bundle', { bundle: new Uint8Array(0) }],
  ])('with %s is not stored, since it could not be read again', async (_, change) => {
    const store = memoryStore()
    await expect(new CredentialRecords(store, 'hid').add(recordOf('z1', change))).rejects.toEqual(refused('invalid-argument'))
    expect(await rowsOf(store)).toEqual([])
    expect(() => unpackRecord(encodeData({ ...recordOf('z1'), ...change }))).toThrow(refused('store-newer'))
  })

  test('that is no whole one is damaged, and one that says more is newer', () => {
    const packed = packRecord(recordOf('z1'))
    for (let length = 0; length < packed.length; length++) expect(() => unpackRecord(packed.subarray(0, length))).toThrow(refused('store-damaged'))
    for (const damaged of [join(packed, Uint8Array.of(0)), join(packed, packed), encode(1), encode('text'), encode(null), Uint8Array.of(0xff)]) expect(() => unpackRecord(damaged)).toThrow(refused('store-damaged'))
    for (const newer of [{ ...recordOf('z1'), more: 1 }, { ...recordOf('z1'), params: 'MLDSA65' }, { ...recordOf('z1'), credentials: [{ ...credential, more: 1 }] }, {}]) {
      expect(() => unpackRecord(encodeData(newer))).toThrow(refused('store-newer'))
    }
    fc.assert(fc.property(fc.nat({ max: packed.length * 8 - 1 }), bit => {
      try {
        unpackRecord(flip(packed, bit))
      } catch (error) {
        expect(['store-damaged', 'store-newer']).toContain(error instanceof Error && 'code' in error && error.code)
      }
    }), { numRuns: 500 })
  })
})

async function listOf<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

function rowsOf(store: Store): Promise<readonly Row[]> {
  return listOf(store.range({ from: Uint8Array.of(), to: new Uint8Array(8).fill(0xff) }))
}

/** What the records of each backend must be, by name; each name has one attempt of its own and one that others share. */
type Model = Map<string, CredentialRecord>

class Real {
  readonly store = memoryStore()
  readonly records = { hid: new CredentialRecords(this.store, 'hid'), webauthn: new CredentialRecords(this.store, 'webauthn') }
}
type Models = { readonly hid: Model; readonly webauthn: Model }
type Subtype = keyof Models

class Step implements fc.AsyncCommand<Models, Real> {
  readonly #subtype: Subtype
  readonly #name: string
  readonly #attempt: string
  readonly #what: 'add' | 'change' | 'fail' | 'remove' | 'find' | 'all'

  constructor(subtype: Subtype, name: string, attempt: string, what: 'add' | 'change' | 'fail' | 'remove' | 'find' | 'all') {
    this.#subtype = subtype
    this.#name = name
    this.#attempt = attempt
    this.#what = what
  }

  check(): boolean {
    return true
  }

  async run(models: Models, real: Real): Promise<void> {
    const [model, records] = [models[this.#subtype], real.records[this.#subtype]]
    const known = model.get(this.#name)
    const record = recordOf(this.#name, { attempt: attemptOf(this.#attempt) })
    const ofAttempt = Array.from(model.values()).find(({ attempt }) => attempt === record.attempt)
    const counted = (one: CredentialRecord): CredentialRecord => ({ ...one, credentials: one.credentials.map(each => ({ ...each, counter: each.counter + 1 })) })
    switch (this.#what) {
      case 'add':
        if (known !== undefined || ofAttempt !== undefined) return void await expect(records.add(record)).rejects.toEqual(refused('backend-failed'))
        await records.add(record)
        model.set(this.#name, record)
        break
      case 'change':
        if (known === undefined) return void await expect(records.change(this.#name, counted)).rejects.toEqual(refused('not-found'))
        model.set(this.#name, counted(known))
        expect(await records.change(this.#name, counted)).toEqual(counted(known))
        break
      case 'fail': {
        const failure = new Error('no change')
        await expect(records.change(this.#name, () => { throw failure })).rejects.toEqual(known === undefined ? refused('not-found') : failure)
        break
      }
      case 'remove':
        expect(await records.remove(this.#name)).toBe(known !== undefined)
        model.delete(this.#name)
        break
      case 'find':
        expect(await records.find(record)).toEqual(known)
        expect(await records.find({ name: this.#name })).toBeUndefined()
        expect(await records.find({ name: this.#name, bundle: utf8('another') })).toBeUndefined()
        expect(await records.findAttempt(this.#attempt)).toEqual(ofAttempt)
        break
      case 'all':
        expect(await listOf(records.all())).toEqual(Array.from(model.values()).toSorted((a, b) => a.name < b.name ? -1 : 1))
    }
    expect((await rowsOf(real.store)).length).toBe(2 * (models.hid.size + models.webauthn.size))
  }

  toString(): string {
    return `${this.#what} ${this.#subtype} ${this.#name} ${this.#attempt}`
  }
}

describe('records', () => {
  const steps = fc.tuple(
    fc.constantFrom<Subtype>('hid', 'webauthn'), fc.constantFrom('z1', 'z2', 'z3', `z${'4'.repeat(120)}`), fc.constantFrom('a', 'b', 'c\0d', ''),
    fc.constantFrom('add', 'add', 'change', 'fail', 'remove', 'find', 'all'),
  ).map(([subtype, name, attempt, what]) => new Step(subtype, name, attempt, what))

  test('are what was made of them, for each backend by itself', async () => {
    await fc.assert(fc.asyncProperty(fc.commands([steps], { maxCommands: 40 }), async commands => {
      await fc.asyncModelRun(() => ({ model: { hid: new Map(), webauthn: new Map() }, real: new Real() }), commands)
    }), { numRuns: 60 })
  })

  test('that are changed at the same time are changed one after the other', async () => {
    const records = new CredentialRecords(memoryStore(), 'hid')
    await records.add(recordOf('z1'))
    const count = () => records.change('z1', one => ({ ...one, credentials: one.credentials.map(each => ({ ...each, counter: each.counter + 1 })) }))
    await Promise.allSettled([...Array.from({ length: 20 }, count), records.change('z1', () => { throw new Error('no change') }), ...Array.from({ length: 20 }, count)])
    expect((await records.find(recordOf('z1')))?.credentials[0]?.counter).toBe(40)
    const [removed, changed, again] = await Promise.allSettled([records.remove('z1'), count(), records.remove('z1')])
    expect(removed).toMatchObject({ value: true })
    expect(changed).toMatchObject({ reason: refused('not-found') })
    expect(again).toMatchObject({ value: false })
    const added = await Promise.allSettled([records.add(recordOf('z1')), records.add(recordOf('z1')), records.add(recordOf('z2', { attempt: recordOf('z1').attempt }))])
    expect(added.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(await records.find(recordOf('z2'))).toBeUndefined()
  })

  test('under another one\'s key are damaged, however they are read', async () => {
    const store = memoryStore()
    const records = new CredentialRecords(store, 'hid')
    await records.add(recordOf('z1'))
    await records.add(recordOf('z2'))
    const row = (name: string) => keyOf('credential', 'hid', 'identity', name)
    const attempt = (name: string) => keyOf('credential', 'hid', 'attempt', recordOf(name).attempt)
    await store.write([{ key: attempt('z1'), value: utf8('z2') }])
    await expect(records.findAttempt('attempt of z1')).rejects.toEqual(refused('store-damaged'))
    expect(await records.findAttempt('attempt of z2')).toEqual(recordOf('z2'))
    await store.write([{ key: row('z1'), value: packRecord(recordOf('z2')) }])
    const ways = [() => records.find(recordOf('z1')), () => records.change('z1', one => one), () => records.remove('z1'), () => listOf(records.all())]
    for (const way of ways) await expect(way()).rejects.toEqual(refused('store-damaged'))
    expect(await records.find(recordOf('z2'))).toEqual(recordOf('z2'))
  })

  test('that are damaged, or newer, are neither read nor changed, and leave the others', async () => {
    const store = memoryStore()
    const records = new CredentialRecords(store, 'hid')
    await records.add(recordOf('z1'))
    await records.add(recordOf('z2'))
    for (const [value, code] of [[Uint8Array.of(0xff), 'store-damaged'], [encodeData({ ...recordOf('z1'), version: 2 }), 'store-newer']] as const) {
      await store.write([{ key: keyOf('credential', 'hid', 'identity', 'z1'), value }])
      const ways = [
        () => records.find(recordOf('z1')), () => records.findAttempt('attempt of z1'), () => records.change('z1', one => one), () => records.remove('z1'), () => listOf(records.all()),
      ]
      for (const way of ways) await expect(way()).rejects.toEqual(refused(code))
      await expect(records.add(recordOf('z1'))).rejects.toEqual(refused('backend-failed'))
      expect(await store.get(keyOf('credential', 'hid', 'identity', 'z1'))).toEqual(value)
      expect(await records.find(recordOf('z2'))).toEqual(recordOf('z2'))
    }
  })

  test('of a store that was closed are none', async () => {
    const store = memoryStore()
    const records = new CredentialRecords(store, 'hid')
    await store.close()
    await expect(records.find(recordOf('z1'))).rejects.toEqual(refused('store-closed'))
    await expect(records.add(recordOf('z1'))).rejects.toEqual(refused('store-closed'))
    expect(() => attemptOf('\ud800')).toThrow(refused('invalid-argument'))
  })
})
