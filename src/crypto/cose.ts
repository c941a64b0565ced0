import { decode } from 'cborg'
import { p256 } from '@noble/curves/nist.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { AUTHENTICATOR_CBOR } from './authenticator-data.ts'
import { isBytesOf } from './bytes.ts'
import type { SigningKey } from './identity-name.ts'
import { suiteByParams } from './suites.ts'

/** The `params` of suites that authenticators sign by, and COSE's number of the algorithm: ES256 and EdDSA (RFC 9053, section 2). */
export const coseAlgorithms: ReadonlyMap<string, number> = new Map([['P256', -7], ['Ed25519', -8]])

/** Labels of COSE keys (RFC 9052, section 7.1; RFC 9053, section 7). */
const [KTY, ALG, CRV, X, Y] = [1, 3, -1, -2, -3]
const [OKP, EC2] = [1, 2]
const [ED25519, P256] = [6, 1]
const UNCOMPRESSED = Uint8Array.of(4)

/** The key that a COSE key is: of ES256 on P-256, or EdDSA by Ed25519, with no field but those it needs. `undefined` for all others. */
export function readCoseKey(bytes: Uint8Array): SigningKey | undefined {
  const fields = fieldsOf(bytes)
  if (fields === undefined) return undefined
  const [kty, alg, crv, x, y] = [KTY, ALG, CRV, X, Y].map(label => fields.get(label))
  if (!isBytesOf(x, 32)) return undefined
  if (kty === OKP && alg === coseAlgorithms.get('Ed25519') && crv === ED25519 && fields.size === 4) return keyOf('Ed25519', x)
  if (kty === EC2 && alg === coseAlgorithms.get('P256') && crv === P256 && fields.size === 5 && isBytesOf(y, 32)) return keyOf('P256', compressed(x, y))
  return undefined
}

/** ECDSA's r ‖ s, of a signature in DER (RFC 3279, section 2.2.3), which is how authenticators give it. `undefined` for what is none, strictly. */
export function compactSignature(der: Uint8Array): Uint8Array | undefined {
  try {
    return p256.Signature.fromBytes(der, 'der').toBytes('compact')
  } catch {
    return undefined
  }
}

function fieldsOf(bytes: Uint8Array): ReadonlyMap<unknown, unknown> | undefined {
  try {
    const value: unknown = decode(bytes, AUTHENTICATOR_CBOR)
    return value instanceof Map ? value : undefined
  } catch {
    return undefined
  }
}

function keyOf(params: string, publicKey: Uint8Array | undefined): SigningKey | undefined {
  const suite = suiteByParams(params)
  return suite !== undefined && publicKey !== undefined && suite.isPublicKey(publicKey) ? { suite, publicKey } : undefined
}

/** `undefined` for what is no point of the curve. */
function compressed(x: Uint8Array, y: Uint8Array): Uint8Array | undefined {
  try {
    return p256.Point.fromBytes(concatBytes(UNCOMPRESSED, x, y)).toBytes(true)
  } catch {
    return undefined
  }
}
