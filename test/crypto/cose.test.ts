import { encode, rfc8949EncodeOptions } from 'cborg'
import { p256 } from '@noble/curves/nist.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compactSignature, coseAlgorithms, readCoseKey } from '../../src/crypto/cose.ts'
import { flip, hex, join, secretOf, toHex } from './sample-keys.ts'

type Fields = readonly (readonly [number | string, unknown])[]
const coseOf = (fields: Fields) => encode(new Map(fields), rfc8949EncodeOptions)
const point = p256.getPublicKey(secretOf(0x71), false)
const [x, y] = [point.subarray(1, 33), point.subarray(33)]
const es256: Fields = [[1, 2], [3, -7], [-1, 1], [-2, x], [-3, y]]
const okp = ed25519.getPublicKey(secretOf(0x72))
const eddsa: Fields = [[1, 1], [3, -8], [-1, 6], [-2, okp]]
/** With the field of that label in its place. */
const changed = (fields: Fields, label: number, value: unknown): Fields => fields.map(([key, old]) => key === label ? [key, value] : [key, old])
const without = (fields: Fields, label: number): Fields => fields.filter(([key]) => key !== label)

describe('a COSE key', () => {
  test('is one of the algorithms that its suites have', () => {
    expect(readCoseKey(coseOf(es256))).toMatchObject({ suite: { params: 'P256' }, publicKey: p256.getPublicKey(secretOf(0x71), true) })
    expect(readCoseKey(coseOf(eddsa))).toMatchObject({ suite: { params: 'Ed25519' }, publicKey: okp })
    expect(Array.from(coseAlgorithms)).toEqual([['P256', -7], ['Ed25519', -8]])
  })

  test.each<[string, Fields]>([
    ...[1, 3, -1, -2, -3].map((label): [string, Fields] => [`without field ${label}`, without(es256, label)]),
    ...[1, 3, -1, -2].map((label): [string, Fields] => [`of Ed25519 without field ${label}`, without(eddsa, label)]),
    ['of another type', changed(es256, 1, 1)], ['of another type, as text', changed(es256, 1, 'EC2')],
    ['of ES384', changed(es256, 3, -35)], ['of ES256K', changed(es256, 3, -47)], ['of no algorithm but key agreement', changed(es256, 3, -25)], ['of EdDSA on P-256', changed(es256, 3, -8)],
    ['of P-384', changed(es256, -1, 2)], ['of secp256k1', changed(es256, -1, 8)],
    ['of x and a sign', changed(es256, -3, true)], ['with a short x', changed(es256, -2, x.subarray(1))], ['with a long y', changed(es256, -3, join(hex('00'), y))],
    ['off the curve', changed(es256, -3, flip(y, 3))], ['with x as text', changed(es256, -2, 'x'.repeat(32))], ['at zero', changed(changed(es256, -2, new Uint8Array(32)), -3, new Uint8Array(32))],
    ['with x above the field', changed(es256, -2, new Uint8Array(32).fill(0xff))],
    ['with one field more', [...es256, [2, hex('00')]]], ['with a secret key', [...es256, [-4, secretOf(0x71)]]], ['of Ed25519 with y', [...eddsa, [-3, y]]], ['of Ed25519 with its secret key', [...eddsa, [-4, secretOf(0x72)]]],
    ['of Ed25519 as two coordinates', changed(eddsa, 1, 2)], ['of X25519', changed(eddsa, -1, 4)], ['of Ed448', changed(eddsa, -1, 7)], ['of Ed25519 as ES256', changed(eddsa, 3, -7)], ['of Ed25519 of small order', changed(eddsa, -2, hex('01' + '00'.repeat(31)))],
    ['of Ed25519 with y above the field', changed(eddsa, -2, new Uint8Array(32).fill(0xff))], ['of Ed25519 of 31 bytes', changed(eddsa, -2, okp.subarray(1))],
    ['with text for labels', es256.map(([label, value]) => [String(label), value])],
    ['of nothing', []],
  ])('%s is none', (_, fields) => {
    expect(readCoseKey(coseOf(fields))).toBeUndefined()
  })

  test('is one item, in its shortest form, with each field once', () => {
    const good = coseOf(es256)
    for (const wrong of [
      new Uint8Array(0), join(good, hex('00')), good.subarray(0, -1), join(hex('b805'), good.subarray(1)), join(hex('bf'), good.subarray(1), hex('ff')), join(hex('d864'), good),
      join(hex('a6'), good.subarray(1), hex('0102')), join(hex('a5180102'), good.subarray(3)), encode([1, 2, 3]), encode(1), encode(null),
    ]) {
      expect(readCoseKey(wrong), toHex(wrong)).toBeUndefined()
    }
  })

  test('of any bytes is one of ours or none', () => {
    const good = [coseOf(es256), coseOf(eddsa)]
    const near = fc.tuple(fc.constantFrom(...good), fc.nat({ max: 77 }), fc.uint8Array({ maxLength: 9 }), fc.nat({ max: 4 })).map(([bytes, at, more, less]) =>
      join(bytes.subarray(0, at), more, bytes.subarray(at + less)))
    fc.assert(fc.property(fc.oneof(near, fc.uint8Array({ maxLength: 100 })), bytes => {
      const key = readCoseKey(bytes)
      if (key !== undefined) expect(key.suite.isPublicKey(key.publicKey)).toBe(true)
    }), { numRuns: 2000 })
    for (const byte of [0x81, 0xa1, 0xc1]) expect(readCoseKey(new Uint8Array(2_000_000).fill(byte))).toBeUndefined()
    for (const claimed of ['bb0000000fffffffff', '9a7fffffff', 'a1015a7fffffff']) expect(readCoseKey(hex(claimed))).toBeUndefined()
  })

  test('of what is no bytes is none', () => {
    // @ts-expect-error text
    expect(readCoseKey('a5')).toBeUndefined()
    // @ts-expect-error nothing
    expect(readCoseKey(undefined)).toBeUndefined()
  })
})

describe('a signature in DER', () => {
  const integer = (hexadecimal: string) => `02${(hexadecimal.length / 2).toString(16).padStart(2, '0')}${hexadecimal}`
  const sequence = (...parts: readonly string[]) => hex(`30${(parts.join('').length / 2).toString(16).padStart(2, '0')}${parts.join('')}`)
  const word = (hexadecimal: string) => hexadecimal.padStart(64, '0')
  const n = p256.Point.Fn.ORDER

  test('is r ‖ s, of 32 bytes each, whatever s', () => {
    const nLess1 = (n - 1n).toString(16)
    for (const [r, s] of [['01', '01'], ['7f', '0080'], [`00${nLess1}`, `00${nLess1}`], ['0102', '03']] as const) {
      const plain = (text: string) => word(text.replace(/^00/, ''))
      expect(toHex(compactSignature(sequence(integer(r), integer(s))) ?? expect.fail(`${r} ${s}`))).toBe(plain(r) + plain(s))
    }
  })

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['r ‖ s', new Uint8Array(64).fill(1)],
    ['with r 0', sequence(integer('00'), integer('01'))],
    ['with s 0', sequence(integer('01'), integer('00'))],
    ['with r below 0', sequence(integer('80'), integer('01'))],
    ['with s that is the order', sequence(integer('01'), integer(`00${n.toString(16)}`))],
    ['with r that is the order', sequence(integer(`00${n.toString(16)}`), integer('01'))],
    ['with a zero more than needed', sequence(integer('0001'), integer('01'))],
    ['with r of no bytes', sequence(integer(''), integer('01'))],
    ['with r of 64 bytes', sequence(integer('01'.repeat(64)), integer('01'))],
    ['with r alone', sequence(integer('01'))],
    ['with three numbers', sequence(integer('01'), integer('01'), integer('01'))],
    ['with a byte after it', join(sequence(integer('01'), integer('01')), hex('00'))],
    ['with a byte after it that it counts', sequence(integer('01'), integer('01'), '00')],
    ['with a longer length than needed', hex('308106020101020101')],
    ['with an indefinite length', hex('30800201010201010000')],
    ['of other tags', hex('3106020101020101')],
    ['of octet strings', hex('3006040101040101')],
  ])('%s is none', (_, der) => {
    expect(compactSignature(der)).toBeUndefined()
  })

  test('of any bytes is one signature or none, and has one form', () => {
    const good = p256.sign(hex('00'), secretOf(0x73), { format: 'der' })
    expect(compactSignature(good)).toEqual(p256.Signature.fromBytes(good, 'der').toBytes('compact'))
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.nat({ max: good.length * 8 - 1 }).map(bit => flip(good, bit)), fc.nat({ max: good.length - 1 }).map(length => good.subarray(0, length))), bytes => {
      const compact = compactSignature(bytes)
      if (compact !== undefined) expect(p256.Signature.fromBytes(compact, 'compact').toBytes('der')).toEqual(bytes)
    }), { numRuns: 1000 })
    // @ts-expect-error text
    expect(compactSignature('30')).toBeUndefined()
  })
})
