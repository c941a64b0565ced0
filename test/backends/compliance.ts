import { beforeAll, describe, expect, test } from 'vitest'
import { includes } from '../../src/backends/backend.ts';
import type { Backend, Capabilities, Decryptor, Signer, Undoable } from '../../src/backends/backend.ts';
import { externalIdentityOf } from '../../src/core/engine-id.ts';
import type { ExternalIdentity } from '../../src/core/engine-id.ts';
import { encryptTo } from '../../src/crypto/ciphertext.ts'
import { verifyCommitment } from '../../src/crypto/commitment.ts'
import { parseIdentityName } from '../../src/crypto/identity-name.ts'

const data = new TextEncoder().encode('what the identity sees')
const { signal } = new AbortController()
const FAILED = { err: 'Decryption failed', code: 'decryption-failed' }
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

/** Backends may answer at once or later, and throw or reject: awaiting inside an async function makes one of both. */
const rejects = async (act: () => unknown, expected: string): Promise<void> => {
  await expect((async () => act())()).rejects.toEqual(code(expected))
}

/**
 * What every backend must do, by its contract. `make` gives a fresh backend each time; what it offers is read from its own
 * declarations. Nothing here knows an implementation.
 */
export function backendCompliance(
  label: string,
  make: () => Backend | Promise<Backend>,
  declared: Pick<Backend, 'params' | 'capabilities'>,
): void {
  const offers = declared.params.flatMap(params => declared.capabilities.map(capabilities => ({ params, capabilities })))
  const all = (want: Capabilities) => offers.filter(offer => includes(offer.capabilities, want))

  describe(`${label} is a backend`, () => {
    let keys = 0
    const generate = async (backend: Backend, offer: (typeof offers)[number], key = `key ${keys++}`): Promise<ExternalIdentity> =>
      backend.generate({ key, ...offer }, signal)

    test('and declares what it offers', async () => {
      const backend = await make()
      expect(backend.params).toEqual(declared.params)
      expect(backend.capabilities).toEqual(declared.capabilities)
      expect(new Set(backend.params).size).toBe(backend.params.length)
      expect(offers.length).toBeGreaterThan(0)
    })

    describe.each(offers)('$params, $capabilities', offer => {
      let backend: Backend
      let identity: ExternalIdentity
      beforeAll(async () => {
        backend = await make()
        identity = await generate(backend, offer, 'first')
      })

      test('generates exactly the asked keys', () => {
        expect(identity.node).toBeNull()
        const { name, sign, encrypt } = parseIdentityName(identity)
        expect(name).toBe(identity.name)
        expect(sign !== undefined).toBe(includes(offer.capabilities, 'Commit'))
        expect(encrypt !== undefined).toBe(includes(offer.capabilities, 'Decrypt'))
        if (sign) expect(sign.suite.params).toBe(offer.params)
      })

      test('gives the same identity for the same key, another for another', async () => {
        expect((await generate(backend, offer, 'first')).name).toBe(identity.name)
        expect((await generate(backend, offer, 'second')).name).not.toBe(identity.name)
      })

      test('gives a signer if it can commit, a decryptor if it can decrypt', async () => {
        if (includes(offer.capabilities, 'Commit')) expect(await backend.signer(identity, signal)).toBeDefined()
        else await rejects(() => backend.signer(identity, signal), 'not-available')
        if (includes(offer.capabilities, 'Decrypt')) expect(await backend.decryptor(identity, signal)).toBeDefined()
        else await rejects(() => backend.decryptor(identity, signal), 'not-available')
      })
    })

    describe.each(all('Commit'))('signing with $params, $capabilities', offer => {
      let backend: Backend
      let identity: ExternalIdentity
      let signer: Signer
      beforeAll(async () => {
        backend = await make()
        identity = await generate(backend, offer)
        signer = await backend.signer(identity, signal)
      })

      test('gives commitments that verify, for this data and this identity only', async () => {
        const commitment = await signer.sign(data, signal)
        const other = await generate(backend, offer)
        expect(verifyCommitment(identity, data, commitment)).toBe(true)
        expect(verifyCommitment(identity, new Uint8Array(0), commitment)).toBe(false)
        expect(verifyCommitment(other, data, commitment)).toBe(false)
      })

      test('signs no data and long data', async () => {
        for (const bytes of [new Uint8Array(0), new Uint8Array(100_000).fill(1)]) {
          expect(verifyCommitment(identity, bytes, await signer.sign(bytes, signal))).toBe(true)
        }
      })

      test('signs many, if it can, as it signs one', async () => {
        if (signer.signBatch === undefined) return
        const many = [data, new Uint8Array(0), data]
        const commitments = await signer.signBatch(many, signal)
        expect(commitments.map((commitment, i) => commitment instanceof Uint8Array && verifyCommitment(identity, many[i] ?? data, commitment))).toEqual([true, true, true])
        expect(await signer.signBatch([], signal)).toEqual([])
        const one = await backend.signer(identity, signal)
        await one.close()
        await rejects(() => one.signBatch?.(many, signal), 'backend-failed')
      })

      test('signs no digests: what is framed is never bare', async () => {
        if (signer.signDigest !== undefined) await rejects(() => signer.signDigest?.(new Uint8Array(32), signal), 'not-available')
      })

      test('in format raw, if it offers that, signs bare bytes under another name', async () => {
        const raw = { key: 'raw', ...offer, format: 'raw' } as const
        if (!backend.formats?.includes('raw')) return rejects(() => backend.generate(raw, signal), 'not-available')
        const bare = await backend.generate(raw, signal)
        const { sign, format } = parseIdentityName(bare)
        expect(format).toBe('raw')
        const signature = await (await backend.signer(bare, signal)).sign(data, signal)
        expect(sign?.suite.verify(sign.publicKey, data, signature)).toBe(true)
        expect(verifyCommitment(bare, data, signature)).toBe(true)
        await rejects(() => backend.generate({ ...raw, format: 'framed' }, signal), 'backend-failed')
      })

      test('closing one signer leaves the others', async () => {
        const one = await backend.signer(identity, signal)
        await one.close()
        await one.close()
        await rejects(() => one.sign(data, signal), 'backend-failed')
        expect(verifyCommitment(identity, data, await signer.sign(data, signal))).toBe(true)
      })
    })

    describe.each(all('Decrypt'))('decrypting with $params, $capabilities', offer => {
      let backend: Backend
      let identity: ExternalIdentity
      let decryptor: Decryptor
      beforeAll(async () => {
        backend = await make()
        identity = await generate(backend, offer)
        decryptor = await backend.decryptor(identity, signal)
      })

      test('opens what was encrypted to this identity only', async () => {
        const other = await generate(backend, offer)
        expect(await decryptor.decrypt(await encryptTo(identity, data), signal)).toEqual(data)
        expect(await decryptor.decrypt(await encryptTo(other, data), signal)).toEqual(FAILED)
      })

      test('refuses what is no ciphertext, and says nothing about what does not open', async () => {
        expect(await decryptor.decrypt(data, signal)).toEqual(code('malformed-ciphertext'))
        const ciphertext = await encryptTo(identity, data)
        const last = ciphertext.length - 1
        ciphertext[last] = (ciphertext[last] ?? 0) ^ 1
        expect(await decryptor.decrypt(ciphertext, signal)).toEqual(FAILED)
      })

      test('closing one decryptor leaves the others', async () => {
        const ciphertext = await encryptTo(identity, data)
        const one = await backend.decryptor(identity, signal)
        await one.close()
        await one.close()
        await rejects(() => one.decrypt(ciphertext, signal), 'backend-failed')
        expect(await decryptor.decrypt(ciphertext, signal)).toEqual(data)
      })
    })

    describe.each(offers)('deleting $params, $capabilities', offer => {
      let backend: Backend
      let identity: ExternalIdentity
      let neighbour: ExternalIdentity
      let signer: Signer | undefined
      let decryptor: Decryptor | undefined
      let undoable: void | Undoable
      beforeAll(async () => {
        backend = await make()
        identity = await generate(backend, offer, 'deleted')
        neighbour = await generate(backend, offer)
        if (includes(offer.capabilities, 'Commit')) signer = await backend.signer(identity, signal)
        if (includes(offer.capabilities, 'Decrypt')) decryptor = await backend.decryptor(identity, signal)
        undoable = await backend.delete(identity, signal)
      })

      test('makes it not found, by every method', async () => {
        await rejects(() => backend.signer(identity, signal), 'not-found')
        await rejects(() => backend.decryptor(identity, signal), 'not-found')
        if (undoable === undefined) await rejects(() => backend.delete(identity, signal), 'not-found')
        else expect(await backend.delete(identity, signal)).toEqual(undoable)
      })

      test('closes what it gave', async () => {
        const ciphertext = decryptor && (await encryptTo(identity, data))
        if (signer) await rejects(() => signer?.sign(data, signal), 'backend-failed')
        if (ciphertext) await rejects(() => decryptor?.decrypt(ciphertext, signal), 'backend-failed')
        await signer?.close()
        await decryptor?.close()
      })

      test('leaves other identities', async () => {
        if (signer) {
          const commitment = await (await backend.signer(neighbour, signal)).sign(data, signal)
          expect(verifyCommitment(neighbour, data, commitment)).toBe(true)
        }
        if (decryptor) {
          const other = await backend.decryptor(neighbour, signal)
          expect(await other.decrypt(await encryptTo(neighbour, data), signal)).toEqual(data)
        }
      })

      test('frees its key, unless it can be taken back: the same key gives a new identity', async () => {
        if (undoable === undefined) expect((await generate(backend, offer, 'deleted')).name).not.toBe(identity.name)
        else await rejects(() => generate(backend, offer, 'deleted'), 'backend-failed')
      })

      test('can be taken back, where that was said: it signs and decrypts as before, and its key gives it', async () => {
        if (undoable === undefined) return
        await backend.undelete?.(identity, signal)
        await backend.undelete?.(identity, signal)
        if (signer) {
          await rejects(() => signer?.sign(data, signal), 'backend-failed')
          const commitment = await (await backend.signer(identity, signal)).sign(data, signal)
          expect(verifyCommitment(identity, data, commitment)).toBe(true)
        }
        if (decryptor) {
          const other = await backend.decryptor(identity, signal)
          expect(await other.decrypt(await encryptTo(identity, data), signal)).toEqual(data)
        }
        expect((await generate(backend, offer, 'deleted')).name).toBe(identity.name)
        await backend.delete(identity, signal)
      })
    })

    describe('refuses', () => {
      test('params and capabilities that it does not offer', async () => {
        const backend = await make()
        const [offer] = offers
        if (offer === undefined) return expect.fail('it offers nothing')
        for (const params of ['', 'RSA', 'ed25519', '__proto__', 'constructor']) {
          await rejects(() => backend.generate({ ...offer, key: 'a', params }, signal), 'not-available')
        }
        // @ts-expect-error no format
        await rejects(() => backend.generate({ ...offer, key: 'a', format: 'bare' }, signal), 'not-available')
        // @ts-expect-error no capabilities
        await rejects(() => backend.generate({ ...offer, key: 'a', capabilities: 'Everything' }, signal), 'not-available')
        const others: Capabilities[] = ['Commit', 'Decrypt', 'CommitAndDecrypt']
        for (const capabilities of others.filter(one => !backend.capabilities.includes(one))) {
          await rejects(() => backend.generate({ ...offer, key: 'a', capabilities }, signal), 'not-available')
        }
      })

      test('a key that already names something else', async () => {
        const backend = await make()
        const [one, other] = offers
        if (one === undefined || other === undefined) return
        await generate(backend, one, 'a')
        await rejects(() => generate(backend, other, 'a'), 'backend-failed')
      })

      test('identities that it does not hold', async () => {
        const backend = await make()
        const [offer] = offers
        if (offer === undefined) return expect.fail('it offers nothing')
        const elsewhere = await generate(await make(), offer)
        for (const identity of [elsewhere, externalIdentityOf('alice'), externalIdentityOf('__proto__'), externalIdentityOf('')]) {
          await rejects(() => backend.signer(identity, signal), 'not-found')
          await rejects(() => backend.decryptor(identity, signal), 'not-found')
          await rejects(() => backend.delete(identity, signal), 'not-found')
          if (backend.undelete) await rejects(() => backend.undelete?.(identity, signal), 'not-found')
          if (backend.adopt) await rejects(() => backend.adopt?.(identity, new Uint8Array(32), signal), 'not-found')
        }
      })
    })
  })
}
