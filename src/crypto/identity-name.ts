import { base58 } from '@scure/base'
import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts'
import { sameBytes } from './bytes.ts'
import type { SignatureSuite } from './suite.ts'
import { suiteByMulticodec } from './suites.ts'
import { isEncryptionPublicKey } from './x25519.ts'

/** The public keys that an identity's name binds; at least one of them. */
export interface IdentityKeys {
  readonly sign?: SigningKey
  /** X25519, 32 bytes. */
  readonly encrypt?: Uint8Array
}

/** A public key of `suite`, in the one form that the suite admits: `suite.publicKeyLength` bytes. */
export interface SigningKey {
  readonly suite: SignatureSuite
  readonly publicKey: Uint8Array
}

/** The keys that a name holds, each valid in its suite. */
export interface ParsedIdentityName extends IdentityKeys {
  /** The very text that was parsed. */
  readonly name: string
}

/** Multicodec x25519-pub, as a varint. */
const X25519 = Uint8Array.of(0xec, 0x01)

/**
 * The longest name is 119 characters (BLS and X25519). The bound is checked first, since decoding base58 takes quadratic
 * time.
 */
const LONGEST = 128

const PART = /^z[1-9A-HJ-NP-Za-km-z]{1,127}$/

function invalid(why: string): Fault {
  return new Fault(
    'invalid-identity',
    `Not an external identity's name: ${why}. It is the multikey of a signing key, of an X25519 key, or of both joined by "."`,
  )
}

/** W3C multikey: base58btc ("z") of multicodec prefix and key, as in did:key. */
function multikey(prefix: Uint8Array, key: Uint8Array): string {
  return `z${base58.encode(concatBytes(prefix, key))}`
}

/**
 * The name of an identity: the multikey of its signing key, ".", the multikey of its X25519 key; or the only one it has.
 * Throws `invalid-identity` without any key, or for a key that is not valid in its suite.
 */
export function formatIdentityName({ sign, encrypt }: IdentityKeys): string {
  const parts: string[] = []
  if (sign !== undefined) {
    if (!sign.suite.isPublicKey(sign.publicKey)) throw invalid(`the signing key is no ${sign.suite.params} public key`)
    parts.push(multikey(sign.suite.multicodec, sign.publicKey))
  }
  if (encrypt !== undefined) {
    if (!isEncryptionPublicKey(encrypt)) throw invalid('the encryption key is no X25519 public key')
    parts.push(multikey(X25519, encrypt))
  }
  if (parts.length === 0) throw invalid('there is no key')
  return parts.join('.')
}

/**
 * Reads a name back. Throws `invalid-identity` for every text that {@link formatIdentityName} does not print, character for
 * character: names are compared as text, so that no identity has two.
 */
export function parseIdentityName(name: string): ParsedIdentityName {
  if (typeof name !== 'string') throw invalid('it is no text')
  if (name.length > LONGEST) throw invalid(`it has ${name.length} characters, and none has more than ${LONGEST}`)
  const parts = name.split('.').map(decodeMultikey)
  const [first, second] = parts
  if (first === undefined || parts.length > 2) throw invalid(`it has ${parts.length} parts`)
  const keys = second === undefined ? toKeys(first) : { ...toKeys(first), ...toKeys(second) }
  // Two signing keys, two encryption keys and the wrong order print something else, as does any encoding that is not the one.
  if (formatIdentityName(keys) !== name) throw invalid('its keys print differently')
  return { name, ...keys }
}

interface Multikey {
  readonly prefix: Uint8Array
  readonly key: Uint8Array
}

function decodeMultikey(part: string): Multikey {
  if (!PART.test(part)) throw invalid('a part is not base58btc with its prefix "z"')
  const bytes = base58.decode(part.slice(1))
  return { prefix: bytes.subarray(0, 2), key: bytes.slice(2) }
}

function toKeys({ prefix, key }: Multikey): IdentityKeys {
  if (sameBytes(prefix, X25519)) return { encrypt: key }
  const suite = suiteByMulticodec(prefix)
  if (suite === undefined) throw invalid('a key has an unknown multicodec')
  return { sign: { suite, publicKey: key } }
}
