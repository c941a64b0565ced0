import { describe, expect, test } from 'vitest'
import { draw, randomBytes } from '../../src/crypto/random.ts'

describe('randomBytes', () => {
  test.each([0, 1, 32, 65_535, 65_536, 65_537, 200_000])('fills %d bytes, to the last', length => {
    const bytes = randomBytes(length)
    expect(bytes.length).toBe(length)
    // A chunk that was left out would be a run of zeros; 64 of them by chance is no chance.
    for (let at = 0; at + 64 <= length; at += 64) expect(bytes.subarray(at, at + 64).some(byte => byte !== 0)).toBe(true)
  })

  test('never gives the same twice', () => {
    expect(new Set(Array.from({ length: 100 }, () => Buffer.from(randomBytes(16)).toString('hex'))).size).toBe(100)
  })

  test.each([-1, 1.5, Number.NaN, Infinity])('refuses the length %d', length => {
    expect(() => randomBytes(length)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  })
})

test('draw refuses a source that gives another length', () => {
  expect(draw(length => new Uint8Array(length), 32).length).toBe(32)
  for (const length of [0, 31, 33]) {
    expect(() => draw(() => new Uint8Array(length), 32)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  }
})
