import { xchacha20, xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomBytes } from '../../src/crypto/random.ts'
import { deriveKey, seal, SEALED_OVERHEAD, unseal } from '../../src/crypto/sealing.ts'
import { flip, hex, join, secretOf, toHex, utf8 } from './sample-keys.ts'

const key = secretOf(1)
const invalidArgument = expect.objectContaining({ code: 'invalid-argument' })
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('sealing', () => {
  test('what is sealed opens under the same key and associated data', () => {
    fc.assert(fc.property(bytes32, fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 100 }), (anyKey, plaintext, associated) => {
      const sealed = seal(anyKey, plaintext, associated, randomBytes)
      expect(sealed.length).toBe(plaintext.length + SEALED_OVERHEAD)
      expect(unseal(anyKey, sealed, associated)).toEqual(plaintext)
    }))
  })

  test('the same is never sealed twice to the same bytes', () => {
    const sealed = Array.from({ length: 50 }, () => toHex(seal(key, utf8('text'), utf8(''), randomBytes)))
    expect(new Set(sealed).size).toBe(50)
  })

  test('its form is golden', () => {
    const sealed = seal(hex('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'), utf8('plain'), utf8('row'), length => new Uint8Array(length).fill(7))
    expect(toHex(sealed)).toBe('010707070707070707070707070707070707070707070707078c43beae2d69a674839086d57b44bebe85134bce4bbc37fcb7c6c06b8282e0f79bba5607c5536ef3f0636a3bad8012c1f60d150066')
  })

  test('nothing opens of which any one bit was flipped', () => {
    const sealed = seal(key, utf8('some text'), utf8('row'), randomBytes)
    for (let bit = 0; bit < sealed.length * 8; bit++) expect(unseal(key, flip(sealed, bit), utf8('row')), `bit ${bit}`).toBeUndefined()
  })

  test('nothing opens that was cut or made longer', () => {
    const sealed = seal(key, utf8('some text'), utf8('row'), randomBytes)
    for (let length = 0; length < sealed.length; length++) expect(unseal(key, sealed.subarray(0, length), utf8('row'))).toBeUndefined()
    expect(unseal(key, join(sealed, Uint8Array.of(0)), utf8('row'))).toBeUndefined()
  })

  test('nothing opens under another key or with other associated data', () => {
    fc.assert(fc.property(bytes32, fc.uint8Array({ maxLength: 20 }), bytes32, fc.uint8Array({ maxLength: 20 }), (oneKey, one, otherKey, other) => {
      fc.pre(toHex(oneKey) !== toHex(otherKey) && toHex(one) !== toHex(other))
      const sealed = seal(oneKey, utf8('text'), one, randomBytes)
      expect(unseal(otherKey, sealed, one)).toBeUndefined()
      expect(unseal(oneKey, sealed, other)).toBeUndefined()
    }))
  })

  test('nothing opens of which head and ciphertext are of two', () => {
    const [one, other] = [seal(key, utf8('one'), utf8('row'), randomBytes), seal(key, utf8('two'), utf8('row'), randomBytes)]
    for (const at of [25, 41, 57]) expect(unseal(key, join(one.subarray(0, at), other.subarray(at)), utf8('row'))).toBeUndefined()
  })

  test('any bytes are refused and never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 20 }), (any, associated) => {
      expect(unseal(key, any, associated)).toBeUndefined()
    }))
  })

  test('a ciphertext with a right tag under two keys opens under the one it commits to, and not under the other', () => {
    const keys = [secretOf(1), secretOf(2)] as const
    const nonce = new Uint8Array(24).fill(9)
    const [one, two] = keys.map(of => hkdf(sha256, of, nonce, utf8('ipse/seal/1\0row'), 32)) as [Uint8Array, Uint8Array]
    const collision = collide(one, two, nonce)
    // So it is with the cipher alone: one ciphertext, two keys, two texts.
    expect(new Set([one, two].map(of => toHex(xchacha20poly1305(of, nonce).decrypt(collision)))).size).toBe(2)
    const heads = keys.map(of => seal(of, new Uint8Array(0), utf8('row'), () => nonce).subarray(0, 57))
    for (const [at, head] of heads.entries()) {
      expect(keys.map(of => unseal(of, join(head, collision), utf8('row')) !== undefined)).toEqual([at === 0, at === 1])
    }
  })

  test('what is no key, no bytes or too little randomness is refused', () => {
    const sealed = seal(key, utf8('text'), utf8(''), randomBytes)
    for (const bad of [secretOf(1).subarray(1), new Uint8Array(33), 'a'.repeat(32) as unknown as Uint8Array]) {
      expect(() => seal(bad, utf8('text'), utf8(''), randomBytes)).toThrow(invalidArgument)
      expect(() => unseal(bad, sealed, utf8(''))).toThrow(invalidArgument)
      expect(() => unseal(bad, utf8('short'), utf8(''))).toThrow(invalidArgument)
      expect(() => deriveKey(bad, 'purpose')).toThrow(invalidArgument)
    }
    const text = 'text' as unknown as Uint8Array
    expect(() => seal(key, text, utf8(''), randomBytes)).toThrow(invalidArgument)
    expect(() => seal(key, utf8(''), text, randomBytes)).toThrow(invalidArgument)
    expect(() => unseal(key, text, utf8(''))).toThrow(invalidArgument)
    expect(() => unseal(key, sealed, text)).toThrow(invalidArgument)
    expect(() => seal(key, utf8('text'), utf8(''), () => new Uint8Array(23))).toThrow(invalidArgument)
  })
})

describe('derived keys', () => {
  const part = fc.oneof(fc.string({ maxLength: 8 }), fc.uint8Array({ maxLength: 8 }))

  test('are the same for the same, and of 32 bytes', () => {
    expect(toHex(deriveKey(key, 'purpose', 'a', utf8('b')))).toBe('0bd6d5d42a92ede482e736f9b443691cd96a68097419ae1f0731e387ec43f990')
    expect(deriveKey(key, 'purpose', 'a', utf8('b'))).toEqual(deriveKey(key, 'purpose', utf8('a'), 'b'))
  })

  test('differ wherever root, purpose, or any part or border between parts does', () => {
    const asked = fc.tuple(bytes32, fc.string({ maxLength: 8 }), fc.array(part, { maxLength: 4 }))
    const idOf = ([root, purpose, context]: readonly [Uint8Array, string, readonly (string | Uint8Array)[]]) =>
      [root, ...[purpose, ...context].map(one => typeof one === 'string' ? utf8(one) : one)].map(toHex).join()
    fc.assert(fc.property(asked, asked, (one, other) => {
      fc.pre(idOf(one) !== idOf(other))
      expect(deriveKey(one[0], one[1], ...one[2])).not.toEqual(deriveKey(other[0], other[1], ...other[2]))
    }))
    const borders = [['ab'], ['a', 'b'], ['', 'ab'], ['ab', ''], ['a', '', 'b'], ['abc'.slice(0, 2), 'c']].map(([purpose = '', ...context]) => toHex(deriveKey(key, purpose, ...context)))
    expect(new Set(borders).size).toBe(borders.length)
  })

  test('are for no text that has no UTF-8', () => {
    expect(() => deriveKey(key, '\ud800')).toThrow(invalidArgument)
    expect(() => deriveKey(key, 'purpose', '\ud800')).toThrow(invalidArgument)
  })
})

/**
 * A ciphertext of two blocks whose tag of Poly1305 is right under both keys of the cipher: the second block solves the linear equation that says so
 * (Dodis and others, "Fast Message Franking", section 3).
 */
function collide(one: Uint8Array, two: Uint8Array, nonce: Uint8Array): Uint8Array {
  const P = (1n << 130n) - 5n
  const mod = (value: bigint) => (value % P + P) % P
  const power = (base: bigint, exponent: bigint): bigint => exponent === 0n ? 1n : mod(power(mod(base * base), exponent >> 1n) * (exponent & 1n ? base : 1n))
  const [a, b] = [one, two].map(key => {
    const block = xchacha20(key, nonce, new Uint8Array(32))
    return { r: little(block.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn, s: little(block.subarray(16)) }
  }) as [{ r: bigint; s: bigint }, { r: bigint; s: bigint }]
  const lengths = (1n << 128n) + (32n << 64n)
  for (let first = 0n; ; first++) {
    // The sum of a message is c1 r^3 + c2 r^2 + lengths r + s; every block has 2^128 added. This is all of it but c2.
    const rest = ({ r }: typeof a) => mod(((1n << 128n) + first) * r ** 3n + (1n << 128n) * r ** 2n + lengths * r)
    const second = mod((b.s - a.s + rest(b) - rest(a)) * power(mod(a.r ** 2n - b.r ** 2n), P - 2n))
    const tag = (k: typeof a) => (mod(rest(k) + second * k.r ** 2n) + k.s) % (1n << 128n)
    // Not every solution is a block, and the tag loses what is above 2^128.
    if (second < 1n << 128n && tag(a) === tag(b)) return join(...[first, second, tag(a)].map(toBlock))
  }
}

const little = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n)
const toBlock = (value: bigint): Uint8Array => Uint8Array.from({ length: 16 }, (_, at) => Number(value >> BigInt(8 * at) & 0xffn))
