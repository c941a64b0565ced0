import { expect, test } from 'vitest'
import { formatIdentityName, nameIdentity } from '../../src/crypto/identity-name.ts'
import { readIdentity } from '../../src/crypto/known-names.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { suites } from '../../src/crypto/suites.ts'
import { portableEd25519 } from '../../src/crypto/suites/ed25519/portable.ts'
import { flip, sampleOf } from './sample-keys.ts'

const refused = expect.objectContaining({ code: 'invalid-identity' })
const { suite, publicKey } = sampleOf(portableEd25519, 0x46)

test('a name is read once, and its raw namesake is another', () => {
  const sign = { suite, publicKey }
  for (const format of ['framed', 'raw', 'framed'] as const) {
    const name = formatIdentityName({ sign, format })
    expect(readIdentity(name)).toMatchObject({ name, format })
    expect(readIdentity({ name })).toBe(readIdentity(name))
  }
})

test('a bundle is read each time, whatever was read of its name before', () => {
  const long = suites().find(({ naming }) => naming === 'bundle')
  if (long === undefined) throw new Error('No suite is named by a bundle')
  const { name, bundle = new Uint8Array(0) } = nameIdentity({ sign: { suite: long, publicKey: sampleOf(long, 0x46).publicKey } })
  for (let times = 0; times < 2; times++) {
    expect(readIdentity({ name, bundle }).sign?.suite.params).toBe(long.params)
    expect(() => readIdentity({ name, bundle: flip(bundle, 999) })).toThrow(refused)
    expect(() => readIdentity({ name })).toThrow(refused)
    expect(() => readIdentity(name)).toThrow(refused)
  }
})

test('a bundle beside a name that is known and needs none is refused', () => {
  const name = formatIdentityName({ sign: { suite, publicKey } })
  readIdentity(name)
  expect(() => readIdentity({ name, bundle: new Uint8Array(3) })).toThrow(refused)
})

test('no more than some hundred names are remembered', () => {
  const name = formatIdentityName({ sign: { suite, publicKey } })
  const first = readIdentity(name)
  for (let i = 0; i < 1100; i++) {
    // Such keys exist in abundance: half of all encodings are of one.
    const key = randomBytes(32)
    if (suite.isPublicKey(key)) readIdentity(formatIdentityName({ sign: { suite, publicKey: key } }))
    else i--
  }
  expect(readIdentity(name)).toEqual(first)
  expect(readIdentity(name)).not.toBe(first)
})
