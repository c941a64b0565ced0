import { z } from 'zod'
import { sameBytes } from '../../src/crypto/bytes.ts'
import { hexBytes, wycheproof } from '../schemas.ts'
import type { VectorSet } from '../set.ts'
import { suiteOn } from '../suite-on.ts'

const verified = wycheproof({ publicKey: z.object({ pk: hexBytes }) }, { msg: hexBytes, sig: hexBytes })
const signed = z.array(z.object({ source: z.string(), secretKey: hexBytes, publicKey: hexBytes, message: hexBytes, signature: hexBytes }))

export const ed25519Sets: readonly VectorSet[] = [{
  name: 'Wycheproof Ed25519',
  file: 'wycheproof/ed25519_test.json',
  count: { cases: 151, valid: 88 },
  read: json => verified.parse(json).testGroups.flatMap(({ publicKey, tests }) => tests.map(({ tcId, result, msg, sig }) => ({
    id: `${tcId}`,
    published: result,
    accepts: path => suiteOn(path, 'Ed25519').verify(publicKey.pk, msg, sig),
  }))),
}, {
  name: 'RFC 8032 Ed25519, keys, signing, verifying',
  file: 'test/vectors/rfc8032-ed25519.json',
  count: { cases: 5, valid: 5 },
  read: json => signed.parse(json).map(({ source, secretKey, publicKey, message, signature }) => ({
    id: source,
    published: 'valid',
    accepts(path) {
      const suite = suiteOn(path, 'Ed25519')
      return sameBytes(suite.publicKey(secretKey), publicKey) && sameBytes(suite.sign(secretKey, message), signature)
        && suite.verify(publicKey, message, signature)
    },
  })),
}]
