import { secp256k1 } from '@noble/curves/secp256k1.js'
import { z } from 'zod'
import { sameBytes, utf8 } from '../../src/crypto/bytes.ts'
import { ecdsaCases } from '../ecdsa-files.ts'
import { hexBytes } from '../schemas.ts'
import type { VectorSet } from '../set.ts'
import { suiteOn } from '../suite-on.ts'

const signed = z.array(z.object({ secretKey: hexBytes, message: z.string(), signature: hexBytes }))

export const secp256k1Sets: readonly VectorSet[] = [{
  name: 'Wycheproof ECDSA secp256k1 SHA-256 P1363',
  file: 'wycheproof/ecdsa_secp256k1_sha256_p1363_test.json',
  count: { cases: 252, valid: 167 },
  refusedHere: {
    why: 'since S is high, and a signature has no second form',
    ids: [
      1, 62, 63, 64, 66, 67, 68, 70, 72, 74, 75, 76, 78, 81, 83, 85, 87, 88, 89, 90, 95, 96, 97, 100, 102, 112, 113, 115, 117, 134, 135,
      136, 167, 168, 171, 172, 173, 174, 176, 177, 181, 187, 188, 192, 196, 198, 200, 202, 206, 207, 212, 213, 221, 222, 226, 227, 228,
      229, 231, 232, 233, 234, 235, 237, 238, 239, 240, 241, 242, 243, 247, 252,
    ].map(String),
  },
  read: json => ecdsaCases(json, 'Secp256k1', secp256k1, 'p1363'),
}, {
  name: 'Wycheproof ECDSA secp256k1 SHA-256 Bitcoin',
  file: 'wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json',
  count: { cases: 463, valid: 162 },
  read: json => ecdsaCases(json, 'Secp256k1', secp256k1, 'der'),
}, {
  name: 'Trezor and bitcoinjs secp256k1, signing, verifying',
  file: 'test/vectors/rfc6979-secp256k1.json',
  count: { cases: 5, valid: 5 },
  read: json => signed.parse(json).map(({ secretKey, message, signature }, at) => ({
    id: `${at + 1}`,
    published: 'valid',
    accepts(path) {
      const suite = suiteOn(path, 'Secp256k1')
      const bytes = utf8(message, 'The message')
      return sameBytes(suite.sign(secretKey, bytes), signature) && suite.verify(suite.publicKey(secretKey), bytes, signature)
    },
  })),
}]
