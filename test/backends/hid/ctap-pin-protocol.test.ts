import { createDecipheriv, createECDH, createHash, createHmac, hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCanonical } from '../../../src/backends/hid/ctap/cbor.ts'
import { agreementKey, KeyAgreement } from '../../../src/backends/hid/ctap/key-agreement.ts'
import { pinProtocols } from '../../../src/backends/hid/ctap/pin-protocol.ts'
import type { PinProtocol } from '../../../src/backends/hid/ctap/pin-protocol.ts'
import { randomBytes } from '../../../src/crypto/random.ts'

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const blocks = fc.integer({ min: 1, max: 6 }).chain(count => bytesOf(count * 16))

function protocol(number: number): PinProtocol {
  const found = pinProtocols.get(number)
  if (found === undefined) throw new Error('No such protocol')
  return found
}

/** Both, by OpenSSL. */
const wanted = [
  {
    number: 1, overhead: 0,
    derive: (z: Uint8Array) => createHash('sha256').update(z).digest(),
    open: (secret: Uint8Array, ciphertext: Uint8Array) => decipher(secret, new Uint8Array(16), ciphertext),
    authenticate: (key: Uint8Array, message: Uint8Array) => createHmac('sha256', key).update(message).digest().subarray(0, 16),
  },
  {
    number: 2, overhead: 16,
    derive: (z: Uint8Array) => Buffer.concat(['CTAP2 HMAC key', 'CTAP2 AES key'].map(info => Buffer.from(hkdfSync('sha256', z, new Uint8Array(32), info, 32)))),
    open: (secret: Uint8Array, ciphertext: Uint8Array) => decipher(secret.subarray(32), ciphertext.subarray(0, 16), ciphertext.subarray(16)),
    authenticate: (key: Uint8Array, message: Uint8Array) => createHmac('sha256', key.subarray(0, 32)).update(message).digest(),
  },
]

function decipher(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Buffer {
  const cipher = createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
  return Buffer.concat([cipher.update(ciphertext), cipher.final()])
}

describe.each(wanted)('PIN protocol $number', ({ number, overhead, derive, open, authenticate }) => {
  const ours = protocol(number)

  test('is what OpenSSL makes of it', () => {
    fc.assert(fc.property(bytesOf(32), blocks, (z, plaintext) => {
      const secret = ours.derive(z)
      expect(Buffer.compare(secret, derive(z))).toBe(0)
      const ciphertext = ours.encrypt(secret, plaintext, randomBytes)
      expect(ciphertext).toHaveLength(plaintext.length + overhead)
      expect(Buffer.compare(open(secret, ciphertext), plaintext)).toBe(0)
      expect(ours.decrypt(secret, ciphertext)).toEqual(plaintext)
      expect(Buffer.compare(ours.authenticate(secret, plaintext), authenticate(secret, plaintext))).toBe(0)
    }), { numRuns: 50 })
  })

  test('decrypts nothing of an odd length', () => {
    const secret = ours.derive(new Uint8Array(32))
    for (const length of [0, 1, 15, 17, 31, 33, 47].map(odd => odd + overhead).concat(overhead === 16 ? [0, 1, 15] : [])) {
      expect(ours.decrypt(secret, new Uint8Array(length))).toBeUndefined()
    }
  })
})

describe('key agreement', () => {
  const device = createECDH('prime256v1')
  const point = device.generateKeys()
  const cose = (x: Uint8Array, y: Uint8Array) => new Map<number, unknown>([[1, 2], [3, -25], [-1, 1], [-2, Uint8Array.from(x)], [-3, Uint8Array.from(y)]])
  const [x, y] = [point.subarray(1, 33), point.subarray(33)]

  test.each([1, 2])('gives both sides the same secret, by protocol %i, and another each time', number => {
    const seen = new Set<string>()
    for (let i = 0; i < 8; i++) {
      const agreement = new KeyAgreement(protocol(number), agreementKey.parse(cose(x, y)), randomBytes)
      const key = agreementKey.parse(agreement.key)
      seen.add(Buffer.from(key).toString('hex'))
      const secret = protocol(number).derive(device.computeSecret(key))
      expect(protocol(number).decrypt(secret, agreement.encrypt(new Uint8Array(32).fill(9)))).toEqual(new Uint8Array(32).fill(9))
      expect(agreement.decrypt(protocol(number).encrypt(secret, new Uint8Array(32).fill(8), randomBytes), [32])).toEqual(new Uint8Array(32).fill(8))
      expect(() => agreement.decrypt(new Uint8Array(64), [16])).toThrow(expect.objectContaining({ code: 'backend-failed' }))
      agreement.erase()
      expect(protocol(number).decrypt(secret, agreement.encrypt(new Uint8Array(32).fill(9)))).not.toEqual(new Uint8Array(32).fill(9))
    }
    expect(seen.size).toBe(8)
  })

  test('refuses what is no point of the curve', () => {
    for (const [a, b] of [[x, x], [new Uint8Array(32), new Uint8Array(32)], [new Uint8Array(32).fill(255), y]] as const) {
      expect(() => new KeyAgreement(protocol(1), agreementKey.parse(cose(a, b)), randomBytes)).toThrow(expect.objectContaining({ code: 'backend-failed' }))
    }
  })

  test('refuses COSE keys of another kind, or with more or less in them', () => {
    const good = cose(x, y)
    expect(agreementKey.safeParse(good).success).toBe(true)
    for (const [key, value] of [[1, 1], [3, -7], [-1, 2], [-2, new Uint8Array(31)], [-3, new Uint8Array(33)], [-3, true], [4, 1]] as const) {
      expect(agreementKey.safeParse(new Map(good).set(key, value)).success).toBe(false)
    }
    for (const key of good.keys()) {
      const less = new Map(good)
      less.delete(key)
      expect(agreementKey.safeParse(less).success).toBe(false)
      // A text in its place is not the number.
      expect(agreementKey.safeParse(new Map<unknown, unknown>(less).set(String(key), good.get(key))).success).toBe(false)
    }
    expect(encodeCanonical(good).subarray(0, 7)).toEqual(Uint8Array.of(0xa5, 0x01, 0x02, 0x03, 0x38, 0x18, 0x20))
  })
})
