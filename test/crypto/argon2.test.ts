import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { argon2, argon2id, ARGON2_BOUNDS, ARGON2_DEFAULT, outOfBounds } from '../../src/crypto/argon2.ts'
import type { Argon2, Argon2Parameters } from '../../src/crypto/argon2.ts'
import { secretOf, toHex, utf8 } from './sample-keys.ts'

const cheapest = { memory: 19_456, passes: 2, lanes: 1 }
const native = argon2('native')
const portable = argon2('portable')

const repeat = (byte: number, length: number) => new Uint8Array(length).fill(byte)

describe.each([['native', native], ['portable', portable]] as const)('Argon2id, %s', (path, code) => {
  if (code === undefined) {
    const name = 'there is no native Argon2id here: Node.js has it from 24.7 on'
    if (process.env['CI'] === 'true') test(name, () => expect.fail('CI must have both'))
    else test.skip(name)
    return
  }

  test('is of its path', () => expect(code).toMatchObject({ name: 'Argon2id', path }))

  test('RFC 9106, section 5.3', async () => {
    const hash = await code.hash({
      password: repeat(1, 32), salt: repeat(2, 16), secret: repeat(3, 8), associated: repeat(4, 12), memory: 32, passes: 3, lanes: 4,
    })
    expect(toHex(hash)).toBe('0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659')
  })

  test('the reference implementation, test.c: 64 MiB', async () => {
    const hash = await code.hash({ password: utf8('password'), salt: utf8('somesalt'), memory: 65_536, passes: 2, lanes: 1 })
    expect(toHex(hash)).toBe('09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7')
  })

  test('lets timers have their turns', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await code.hash({ password: utf8('password'), salt: repeat(2, 16), ...cheapest })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(2)
  })
})

describe('Argon2id', () => {
  test.skipIf(native === undefined)('both paths give the same (skipped without native code)', async () => {
    const input = fc.record({
      password: fc.uint8Array({ maxLength: 100 }), salt: fc.uint8Array({ minLength: 16, maxLength: 40 }),
      memory: fc.integer({ min: 32, max: 300 }), passes: fc.integer({ min: 1, max: 4 }), lanes: fc.integer({ min: 1, max: 4 }),
    })
    await fc.assert(fc.asyncProperty(input, async one => {
      expect(await native?.hash(one)).toEqual(await portable?.hash(one))
    }), { numRuns: 20 })
    const large = { password: utf8('password'), salt: repeat(2, 32), ...cheapest }
    expect(await native?.hash(large)).toEqual(await portable?.hash(large))
  })

  test('IPSE_CRYPTO is heeded', () => {
    expect(argon2()?.path).toBe(process.env['IPSE_CRYPTO'] === 'portable' || native === undefined ? 'portable' : 'native')
  })

  test('the default is within bounds, and computed by the path in use', async () => {
    expect(outOfBounds(ARGON2_DEFAULT)).toBeUndefined()
    expect(await argon2id(utf8('password'), repeat(2, 16), cheapest)).toEqual(await (argon2() as Argon2).hash({ password: utf8('password'), salt: repeat(2, 16), ...cheapest }))
  })

  const values = { memory: [19_455, 1_048_577, 0, 2 ** 32, 65_536.5], passes: [1, 11, 0, -3, Number.NaN], lanes: [0, 5, Number.POSITIVE_INFINITY, '1'] }
  test.each(Object.entries(values).flatMap(([field, all]) => all.map(value => [field, value] as const)))('%s of %s is refused, with the bounds', async (field, value) => {
    const { least, most } = ARGON2_BOUNDS[field as keyof Argon2Parameters]
    const parameters = { ...cheapest, [field]: value } as Argon2Parameters
    await expect(argon2id(utf8('password'), repeat(2, 16), parameters)).rejects.toMatchObject({
      code: 'invalid-argument', message: expect.stringMatching(`from ${least} to ${most}, and not `),
    })
  })

  test.each(['memory', 'passes', 'lanes'] as const)('the bounds of %s are within them', field => {
    for (const bound of ['least', 'most'] as const) expect(outOfBounds({ ...cheapest, [field]: ARGON2_BOUNDS[field][bound] })).toBeUndefined()
  })

  test('a short salt and what is no bytes are refused', async () => {
    const invalid = { code: 'invalid-argument' }
    await expect(argon2id(utf8('password'), repeat(2, 15), cheapest)).rejects.toMatchObject(invalid)
    await expect(argon2id('password' as unknown as Uint8Array, repeat(2, 16), cheapest)).rejects.toMatchObject(invalid)
    await expect(argon2id(secretOf(1), 'salt'.repeat(4) as unknown as Uint8Array, cheapest)).rejects.toMatchObject(invalid)
  })
})
