import { p256 } from '@noble/curves/nist.js'
import { z } from 'zod'
import { sameBytes, utf8 } from '../../src/crypto/bytes.ts'
import { ecdsaCases } from '../ecdsa-files.ts'
import { hexBytes } from '../schemas.ts'
import type { VectorSet } from '../set.ts'
import { suiteOn } from '../suite-on.ts'

const signed = z.array(z.object({ secretKey: hexBytes, publicKey: hexBytes, message: z.string(), signature: hexBytes }))

/** r ‖ min(s, n − s): what the suite emits where the RFC has either. */
function withLowS(signature: Uint8Array): Uint8Array {
  const { r, s } = p256.Signature.fromBytes(signature, 'compact')
  const other = p256.Point.Fn.neg(s)
  return new p256.Signature(r, s < other ? s : other).toBytes('compact')
}

export const p256Sets: readonly VectorSet[] = [{
  name: 'Wycheproof ECDSA P-256 SHA-256 P1363',
  file: 'wycheproof/ecdsa_secp256r1_sha256_p1363_test.json',
  count: { cases: 262, valid: 173 },
  read: json => ecdsaCases(json, 'P256', p256, 'p1363'),
}, {
  name: 'Wycheproof ECDSA P-256 SHA-256 DER',
  file: 'wycheproof/ecdsa_secp256r1_sha256_test.json',
  count: { cases: 484, valid: 174 },
  read: json => ecdsaCases(json, 'P256', p256, 'der'),
}, {
  name: 'RFC 6979 P-256, keys, verifying, signing (portable)',
  file: 'test/vectors/rfc6979-p256.json',
  count: { cases: 2, valid: 2 },
  read: json => signed.parse(json).map(({ secretKey, publicKey, message, signature }) => ({
    id: message,
    published: 'valid',
    accepts(path) {
      const suite = suiteOn(path, 'P256')
      const bytes = utf8(message, 'The message')
      // OpenSSL's nonces are random: there is nothing to compare on that path.
      const signs = path === 'native' || sameBytes(suite.sign(secretKey, bytes), withLowS(signature))
      return signs && sameBytes(suite.publicKey(secretKey), publicKey) && suite.verify(publicKey, bytes, signature)
    },
  })),
}]
