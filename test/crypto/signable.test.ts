import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { purposes, signable } from '../../src/crypto/signable.ts'
import { hex, toHex, utf8 } from './sample-keys.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

describe('signable', () => {
  test('is laid out byte by byte', () => {
    // SHA-256("abc") is FIPS 180-2's own example.
    expect(toHex(signable('data', 'abc', hex('c0ffee')))).toBe(
      [
        '697073652f7369672f31', // "ipse/sig/1"
        '00',
        '04', // the length of the purpose
        '64617461', // "data"
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', // SHA-256("abc")
        'c0ffee',
      ].join(''),
    )
  })

  test('with a dotted purpose, a name beyond ASCII and no data', () => {
    expect(toHex(signable('evidence.signs-for', 'né', new Uint8Array(0)))).toBe(
      `697073652f7369672f310012${toHex(utf8('evidence.signs-for'))}${sha256('né')}`,
    )
  })

  test('distinct purposes, names and data have distinct bytes', () => {
    const part = fc.tuple(fc.constantFrom(...purposes), fc.string({ minLength: 1, unit: 'grapheme' }), fc.uint8Array())
    fc.assert(
      fc.property(part, part, (a, b) => {
        const same = a[0] === b[0] && a[1] === b[1] && toHex(a[2]) === toHex(b[2])
        expect(toHex(signable(...a)) === toHex(signable(...b))).toBe(same)
      }),
    )
  })

  test('every purpose fits its length byte', () => {
    for (const purpose of purposes) {
      expect(utf8(purpose).length).toBeGreaterThan(0)
      expect(utf8(purpose).length).toBeLessThan(256)
    }
  })

  test('refuses other purposes, empty and malformed names, and data that is no bytes', () => {
    const refused = expect.objectContaining({ code: 'invalid-argument' })
    // @ts-expect-error not a purpose
    expect(() => signable('payment', 'abc', utf8(''))).toThrow(refused)
    // @ts-expect-error not a purpose
    expect(() => signable('', 'abc', utf8(''))).toThrow(refused)
    expect(() => signable('data', '', utf8(''))).toThrow(refused)
    expect(() => signable('data', '\ud800', utf8(''))).toThrow(refused)
    // @ts-expect-error text is no data
    expect(() => signable('data', 'abc', 'text')).toThrow(refused)
  })
})
