import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { base58 } from '@scure/base'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts'
import type { AssertionPolicy } from './assertion.ts'
import { sameBytes } from './bytes.ts'
import type { EncryptionScheme } from './encryption.ts'
import { encryptionByMulticodec } from './encryptions.ts'
import type { SignatureSuite } from './suite.ts'
import { suiteByMulticodec } from './suites.ts'

/** The public keys that an identity's name binds: at least one of them, and schemes that belong together. */
export interface IdentityKeys {
  readonly sign?: SigningKey
  readonly encrypt?: EncryptionKey
  /** Whether it signs framed data (see `signable`), as all do unless told, or bare bytes, for other ecosystems. */
  readonly format?: Format
  /** Of a signing key that an authenticator has: its signatures are assertions, and these say so. Framed, by P256 or Ed25519. */
  readonly assertion?: AssertionPolicy
}

/** A public key of `suite`, in the one form that the suite admits: `suite.publicKeyLength` bytes. */
export interface SigningKey {
  readonly suite: SignatureSuite
  readonly publicKey: Uint8Array
}

/** A public key of `scheme`, in the one form that the scheme admits: `scheme.publicKeyLength` bytes. */
export interface EncryptionKey {
  readonly scheme: EncryptionScheme
  readonly publicKey: Uint8Array
}

export type Format = 'framed' | 'raw'

/** A name, and beside it the bundle that it is the hash of, if it is one. An ExternalIdentity is one. */
export interface IdentityName {
  readonly name: string
  readonly bundle?: Uint8Array
}

/** The keys that a name holds, each valid in its scheme. */
export interface ParsedIdentityName extends IdentityKeys, IdentityName {
  readonly format: Format
}

/** Ends the name of an identity that signs bare bytes. */
const RAW = '.raw'

/**
 * The longest name is 123 characters (BLS and X25519, raw). The bound is checked first, since decoding base58 takes quadratic
 * time.
 */
const LONGEST = 128

const PART = /^z[1-9A-HJ-NP-Za-km-z]{1,127}$/

/** A multihash of SHA-256: its code and its length. */
const SHA_256 = Uint8Array.of(0x12, 0x20)

const BUNDLE_VERSION = 1
/** Of a bundle with a policy for assertions. */
const ASSERTING_VERSION = 2
const ASSERTING: ReadonlySet<string> = new Set(['P256', 'Ed25519'])
/** Ids of relying parties and origins, as browsers write them. */
const ASCII = /^[!-~]{1,253}$/
const MOST_ORIGINS = 8
/** More than the longest bundle, of 3,202 bytes: what is longer is none, and no message holds it. */
const LONGEST_BUNDLE = 4096

function invalid(why: string, cause?: unknown): Fault {
  return new Fault(
    'invalid-identity',
    `Not an external identity: ${why}. A name is the multikey of a signing key, of an X25519 key, or of both joined by "."; or the hash of a bundle of keys, which goes with it`,
    cause === undefined ? undefined : { cause },
  )
}

/**
 * The name of the identity with these keys; where its scheme's keys are long, with the bundle that it is the hash of. Throws
 * `invalid-identity` without any key, for a key that is not valid in its scheme, and for schemes that do not belong together.
 */
export function nameIdentity(keys: IdentityKeys): IdentityName {
  const { sign, encrypt, format = 'framed', assertion } = keys
  if (sign === undefined && encrypt === undefined) throw invalid('there is no key')
  if (sign !== undefined && !sign.suite.isPublicKey(sign.publicKey)) throw invalid(`the signing key is no ${sign.suite.params} public key`)
  if (encrypt !== undefined && !encrypt.scheme.isPublicKey(encrypt.publicKey)) throw invalid(`the encryption key is no ${encrypt.scheme.name} public key`)
  if (sign !== undefined && encrypt !== undefined && sign.suite.encryption !== encrypt.scheme.name) {
    throw invalid(`${sign.suite.params} goes with ${sign.suite.encryption}, and not with ${encrypt.scheme.name}`)
  }
  if (assertion !== undefined) {
    if (sign === undefined || !ASSERTING.has(sign.suite.params) || format === 'raw') throw invalid('only framed identities of P256 or Ed25519 have assertions')
    requirePolicy(assertion)
  }
  const suffix = format === 'raw' ? RAW : ''
  if (isNamedByHash(keys)) {
    const bundle = writeBundle(keys)
    return { name: `${hashName(bundle)}${suffix}`, bundle }
  }
  const parts = [sign && multikey(signingKey(sign)), encrypt && multikey(encryptionKey(encrypt))]
  return { name: `${parts.filter(part => part !== undefined).join('.')}${suffix}` }
}

/** The name alone: see {@link nameIdentity}. */
export function formatIdentityName(keys: IdentityKeys): string {
  return nameIdentity(keys).name
}

/**
 * Reads a name back. Throws `invalid-identity` for every text that {@link nameIdentity} does not print, character for
 * character: names are compared as text, so that no identity has two. The same holds for bundles, byte for byte. A name that holds its keys
 * may be given as text.
 */
export function parseIdentityName(identity: string | IdentityName): ParsedIdentityName {
  const { name, bundle }: IdentityName = typeof identity === 'object' && identity !== null ? identity : { name: identity }
  if (typeof name !== 'string') throw invalid('its name is no text')
  if (name.length > LONGEST) throw invalid(`its name has ${name.length} characters, and none has more than ${LONGEST}`)
  const format: Format = name.endsWith(RAW) ? 'raw' : 'framed'
  const text = format === 'raw' ? name.slice(0, -RAW.length) : name
  const keys = bundle === undefined ? readMultikeys(text) : readBundle(bundle)
  const printed = nameIdentity({ ...keys, format })
  // Two signing keys, two encryption keys and the wrong order print something else, as does any encoding that is not the one.
  if (printed.name !== name) throw invalid(bundle === undefined ? 'its keys print differently' : 'its name is not the hash of its bundle')
  if (bundle !== undefined && !(printed.bundle && sameBytes(printed.bundle, bundle))) throw invalid('its bundle is not in the one canonical form')
  return { ...printed, ...keys, format }
}

function isNamedByHash({ sign, encrypt, assertion }: IdentityKeys): boolean {
  return assertion !== undefined || (sign?.suite ?? encrypt?.scheme)?.naming === 'bundle'
}

// ── multikeys ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Multicodec prefix and key: what a multikey is the text of. */
type CodedKey = Uint8Array

function signingKey({ suite, publicKey }: SigningKey): CodedKey {
  return concatBytes(suite.multicodec, publicKey)
}

function encryptionKey({ scheme, publicKey }: EncryptionKey): CodedKey {
  return concatBytes(scheme.multicodec, publicKey)
}

/** W3C multikey: base58btc ("z") of multicodec prefix and key, as in did:key. */
function multikey(key: CodedKey): string {
  return `z${base58.encode(key)}`
}

function readMultikeys(text: string): IdentityKeys {
  const parts = text.split('.').map(part => {
    if (!PART.test(part)) throw invalid('a part of its name is not base58btc with its prefix "z"')
    return base58.decode(part.slice(1))
  })
  const [first, second] = parts
  if (first === undefined || parts.length > 2) throw invalid(`its name has ${parts.length} parts`)
  if (second === undefined && sameBytes(first.subarray(0, 2), SHA_256)) throw invalid('its name is the hash of a bundle of keys, and the bundle is missing')
  return second === undefined ? readKey(first) : { ...readKey(first), ...readKey(second) }
}

function readKey(key: CodedKey): IdentityKeys {
  const prefix = key.subarray(0, key.findIndex(byte => byte < 0x80) + 1)
  const publicKey = key.slice(prefix.length)
  const suite = suiteByMulticodec(prefix)
  if (suite !== undefined) return { sign: { suite, publicKey } }
  const scheme = encryptionByMulticodec(prefix)
  if (scheme !== undefined) return { encrypt: { scheme, publicKey } }
  throw invalid('a key has an unknown multicodec')
}

// ── bundles ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** "z" and base58btc of the SHA-256 multihash. */
function hashName(bundle: Uint8Array): string {
  return `z${base58.encode(concatBytes(SHA_256, sha256(bundle)))}`
}

/** Deterministic CBOR (RFC 8949, section 4.2.1): `{ enc?, sign?, version }`, and `assertion: { rp, uv, origins? }` in version 2. */
function writeBundle({ sign, encrypt, assertion }: IdentityKeys): Uint8Array {
  // A copy: what it encodes into may be a Buffer, on more memory than is used.
  return new Uint8Array(encode({
    version: assertion === undefined ? BUNDLE_VERSION : ASSERTING_VERSION,
    ...sign && { sign: signingKey(sign) },
    ...encrypt && { enc: encryptionKey(encrypt) },
    ...assertion && { assertion: { rp: assertion.relyingParty, uv: assertion.userVerification, ...assertion.origins && { origins: assertion.origins } } },
  }, rfc8949EncodeOptions))
}

/** Fields that are not there to be read are noticed when what was read prints differently. */
function readBundle(bundle: Uint8Array): IdentityKeys {
  if (!(bundle instanceof Uint8Array) || bundle.length > LONGEST_BUNDLE) throw invalid('its bundle is not bytes, or is too long')
  const { version, sign, enc, assertion } = fieldsOf(bundle)
  if (version !== BUNDLE_VERSION && version !== ASSERTING_VERSION) throw invalid('its bundle has an unknown version')
  return {
    ...sign instanceof Uint8Array && readKey(sign), ...enc instanceof Uint8Array && readKey(enc),
    ...version === ASSERTING_VERSION && { assertion: readPolicy(assertion) },
  }
}

function readPolicy(value: unknown): AssertionPolicy {
  if (typeof value !== 'object' || value === null) throw invalid('its bundle has no policy for assertions')
  const { rp, uv, origins }: { rp?: unknown; uv?: unknown; origins?: unknown } = value
  const policy: unknown = { relyingParty: rp, userVerification: uv, ...origins !== undefined && { origins } }
  requirePolicy(policy)
  return policy
}

function requirePolicy(value: unknown): asserts value is AssertionPolicy {
  const { relyingParty, userVerification, origins }: { relyingParty?: unknown; userVerification?: unknown; origins?: unknown } = Object(value)
  if (!isText(relyingParty) || typeof userVerification !== 'boolean') throw invalid('a policy for assertions has a relying party, in ASCII, and says whether users are verified')
  if (origins === undefined) return
  const isList = Array.isArray(origins) && origins.length > 0 && origins.length <= MOST_ORIGINS && origins.every(isText)
  if (!isList || !isAscending(origins)) throw invalid(`origins are 1 to ${MOST_ORIGINS} texts of ASCII, in ascending order`)
}

function isAscending(texts: readonly string[]): boolean {
  return texts.every((text, i) => i === 0 || (texts[i - 1] ?? '') < text)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && ASCII.test(value)
}

function fieldsOf(bundle: Uint8Array): { readonly version?: unknown; readonly sign?: unknown; readonly enc?: unknown; readonly assertion?: unknown } {
  let value: unknown
  try {
    value = decode(bundle, { strict: true, allowIndefinite: false, rejectDuplicateMapKeys: true })
  } catch (cause) {
    throw invalid('its bundle is no CBOR', cause)
  }
  if (typeof value !== 'object' || value === null) throw invalid('its bundle is no map')
  return value
}
