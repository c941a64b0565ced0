import { createCipheriv, createECDH, createHash, createHmac, hkdfSync } from 'node:crypto'
import { encode, rfc8949EncodeOptions } from 'cborg'
import { ed25519 } from '@noble/curves/ed25519.js'
import { ed448 } from '@noble/curves/ed448.js'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { join, toHex, utf8 } from './sample-keys.ts'

// The test vectors of WebAuthn level 3, section "Test Vectors", made anew from what it says of how they were made. Nothing of `src` is used.

export const RELYING_PARTY = 'example.org'
export const ORIGIN = 'https://example.org'
const TOP_ORIGIN = 'https://example.com'

export type Algorithm = 'ES256' | 'ES384' | 'ES512' | 'RS256' | 'EdDSA' | 'Ed448'

export interface Vector {
  /** HKDF's info, of which all of its values come. */
  readonly info: string
  readonly algorithm: Algorithm
  readonly frame: Frame
  /** Of clientDataJSON: without it, `clientDataJSON` and `signature` are the published ones, byte for byte. */
  readonly isExtended: boolean
  readonly credential: { readonly aaguid: Uint8Array; readonly id: Uint8Array; /** COSE. */ readonly publicKey: Uint8Array }
  readonly registration: Ceremony
  /** The signature is as an authenticator gives it. */
  readonly authentication: Ceremony & { readonly signature: Uint8Array }
}

interface Ceremony {
  readonly challenge: Uint8Array
  readonly clientDataJSON: Uint8Array
  readonly authenticatorData: Uint8Array
}

/** What the client data says of the page's surroundings. */
type Frame = 'none' | 'crossOrigin' | 'topOrigin'

interface Recipe {
  readonly info: string
  readonly algorithm: Algorithm
  /** How many values are drawn for the attestation, which is not made here. */
  readonly attestation: 0 | 1 | 2
  readonly frame?: Frame
  readonly idLength?: number
  readonly challengeLength?: number
  /** U2F has no flags to draw. */
  readonly isU2f?: boolean
}

const RECIPES: readonly Recipe[] = [
  { info: 'none.ES256', algorithm: 'ES256', attestation: 0 },
  { info: 'packed-self.ES256', algorithm: 'ES256', attestation: 0 },
  { info: 'none.ES256.crossOrigin', algorithm: 'ES256', attestation: 0, frame: 'crossOrigin' },
  { info: 'none.ES256.topOrigin', algorithm: 'ES256', attestation: 0, frame: 'topOrigin' },
  { info: 'none.ES256.long-credential-id', algorithm: 'ES256', attestation: 0, idLength: 1023 },
  { info: 'packed.ES256', algorithm: 'ES256', attestation: 2 },
  { info: 'packed.ES384', algorithm: 'ES384', attestation: 2 },
  { info: 'packed.ES512', algorithm: 'ES512', attestation: 2, challengeLength: 128 },
  { info: 'packed.RS256', algorithm: 'RS256', attestation: 2 },
  { info: 'packed.EdDSA', algorithm: 'EdDSA', attestation: 2 },
  { info: 'packed.Ed448', algorithm: 'Ed448', attestation: 2 },
  { info: 'tpm.ES256', algorithm: 'ES256', attestation: 2 },
  { info: 'android-key.ES256', algorithm: 'ES256', attestation: 1 },
  { info: 'apple.ES256', algorithm: 'ES256', attestation: 1 },
  { info: 'fido-u2f.ES256', algorithm: 'ES256', attestation: 2, isU2f: true },
]

/**
 * All of them. Where a drawn bit says so, client data has a member more, whose value begins with a sentence that the specification says nothing of: another one stands here, and
 * what it is part of is ours.
 */
export function webauthnVectors(sentence = 'Members that nobody knows may follow: '): readonly Vector[] {
  return RECIPES.map(recipe => vectorOf(recipe, sentence))
}

/** SHA-256 of all values that have nothing of that sentence. */
export function digestOf(vectors: readonly Vector[]): string {
  const values = vectors.map(({ info, isExtended, credential, registration, authentication }) => [
    info, credential.aaguid, credential.id, credential.publicKey, registration.challenge, registration.authenticatorData,
    authentication.challenge, authentication.authenticatorData, ...isExtended ? [] : [authentication.clientDataJSON, authentication.signature],
  ].map(value => typeof value === 'string' ? value : toHex(value)))
  return toHex(sha256(utf8(JSON.stringify(values))))
}

const [UP, UV, BE, BS, AT] = [0x01, 0x04, 0x08, 0x10, 0x40]

function vectorOf({ info, algorithm, attestation, frame = 'none', idLength = 32, challengeLength = 32, isU2f = false }: Recipe, sentence: string): Vector {
  let salt = 0
  const draw = (length: number) => new Uint8Array(hkdfSync('sha256', 'WebAuthn test vectors', Uint8Array.of(salt++), info, length))
  const drawBits = (mask: number) => (draw(1)[0] ?? 0) & mask
  const drawClientData = (type: string, challenge: Uint8Array) => {
    const isExtended = drawBits(1) !== 0
    const clientDataJSON = utf8(JSON.stringify({
      type, challenge: base64url(challenge), origin: ORIGIN, crossOrigin: frame !== 'none', ...frame === 'topOrigin' && { topOrigin: TOP_ORIGIN },
      ...isExtended && { extraData: `${sentence}${base64url(draw(16))}` },
    }))
    return { challenge, clientDataJSON, isExtended }
  }

  const creating = draw(challengeLength)
  const { publicKey, sign } = keyOf(algorithm, draw)
  const { isExtended: _, ...created } = drawClientData('webauthn.create', creating)
  const [aaguid, id] = [draw(16), draw(idLength)]
  const drawn = isU2f ? 0 : drawBits(UV | BE | BS)
  const eligible = drawn & BE
  const flags = UP | AT | (eligible === 0 ? drawn & ~BS : drawn)
  salt += attestation
  const attested = join(aaguid, Uint8Array.of(id.length >> 8, id.length & 0xff), id, publicKey)

  const { isExtended, ...getting } = drawClientData('webauthn.get', draw(challengeLength))
  const authenticatorData = authenticatorDataOf(UP | eligible | drawBits(eligible === 0 ? UV : UV | BS))
  return {
    info, algorithm, frame, isExtended, credential: { aaguid, id, publicKey },
    registration: { ...created, authenticatorData: join(authenticatorDataOf(flags), attested) },
    authentication: { ...getting, authenticatorData, signature: sign(join(authenticatorData, sha256(getting.clientDataJSON))) },
  }
}

function authenticatorDataOf(flags: number): Uint8Array {
  return join(sha256(utf8(RELYING_PARTY)), Uint8Array.of(flags, 0, 0, 0, 0))
}

/** A COSE key, and what signs by it: ECDSA by RFC 6979, any s. */
function keyOf(algorithm: Algorithm, draw: (length: number) => Uint8Array): { readonly publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array } {
  switch (algorithm) {
    case 'ES256': return ecdsaKey(p256, draw(32), [-7, 1])
    case 'ES384': return ecdsaKey(p384, draw(48), [-35, 2])
    // The highest bit of 521 is never drawn.
    case 'ES512': return ecdsaKey(p521, join(Uint8Array.of(0), draw(65)), [-36, 3])
    case 'EdDSA': return eddsaKey(ed25519, draw(32), [-8, 6])
    case 'Ed448': return eddsaKey(ed448, draw(57), [-53, 7])
    case 'RS256': return rsaKey(2n ** 1279n - 1n, 2n ** 2203n - 1n)
  }
}

function ecdsaKey(curve: typeof p256, secretKey: Uint8Array, [alg, crv]: readonly [number, number]) {
  const point = curve.getPublicKey(secretKey, false).subarray(1)
  const middle = point.length / 2
  return {
    publicKey: cose([[1, 2], [3, alg], [-1, crv], [-2, point.subarray(0, middle)], [-3, point.subarray(middle)]]),
    sign: (message: Uint8Array) => curve.sign(message, secretKey, { lowS: false, format: 'der' }),
  }
}

function eddsaKey(curve: typeof ed25519, secretKey: Uint8Array, [alg, crv]: readonly [number, number]) {
  return { publicKey: cose([[1, 1], [3, alg], [-1, crv], [-2, curve.getPublicKey(secretKey)]]), sign: (message: Uint8Array) => curve.sign(message, secretKey) }
}

/** RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2), by two primes. */
function rsaKey(p: bigint, q: bigint) {
  const [e, n] = [65_537n, p * q]
  const length = Math.ceil(n.toString(2).length / 8)
  const digestInfo = Uint8Array.from(Buffer.from('3031300d060960864801650304020105000420', 'hex'))
  return {
    publicKey: cose([[1, 3], [3, -257], [-1, bigEndian(n, length)], [-2, bigEndian(e, 3)]]),
    sign(message: Uint8Array) {
      const tail = join(Uint8Array.of(0), digestInfo, sha256(message))
      const padded = join(Uint8Array.of(0, 1), new Uint8Array(length - 2 - tail.length).fill(0xff), tail)
      return bigEndian(power(BigInt(`0x${toHex(padded)}`), inverse(e, (p - 1n) * (q - 1n)), n), length)
    },
  }
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  for (const bit of exponent.toString(2)) result = result * result % modulus * (bit === '1' ? base : 1n) % modulus
  return result
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value, modulus, 1n, 0n]
  while (b > 0n) [a, b, x, y] = [b, a % b, y, x - a / b * y]
  return (x + modulus) % modulus
}

function bigEndian(value: bigint, length: number): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex'))
}

function cose(fields: readonly (readonly [number, number | Uint8Array])[]): Uint8Array {
  return Uint8Array.from(encode(new Map(fields), rfc8949EncodeOptions))
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

// ── prf, by CTAP2's hmac-secret ──────────────────────────────────────────────────────────────────────────────────

/** One evaluation of prf: what the page gives, what passes between platform and authenticator, and what the page gets. */
export interface PrfVector {
  /** Of PIN/UV auth protocols (CTAP 2.1, sections 6.5.6 and 6.5.7): 32 bytes, or HMAC key ‖ AES key. */
  readonly protocol: 1 | 2
  readonly sharedSecret: Uint8Array
  /** What the page gives, one or two. */
  readonly inputs: readonly Uint8Array[]
  /** hmac-secret's, of these: SHA-256("WebAuthn PRF" 00 ‖ input). */
  readonly salts: readonly Uint8Array[]
  /** 16 bytes that are drawn to encrypt them; none in protocol 1. */
  readonly saltIv: Uint8Array | undefined
  readonly saltEnc: Uint8Array
  readonly outputs: readonly Uint8Array[]
  readonly outputIv: Uint8Array | undefined
  readonly outputEnc: Uint8Array
}

const SEED = utf8('WebAuthn PRF test vectors')
const ofSeed = (index: number) => sha256(SEED, Uint8Array.of(index))

/** A credential's id and result, which the examples of the browser's side name. */
export const prfOfPage = { credential: ofSeed(0), result: ofSeed(1) }

/** What all of {@link prfVectors} are of: key agreement on P-256, and what an authenticator keeps with the credential. */
export const prfKeys = {
  platformSecretKey: ofSeed(4),
  authenticatorSecretKey: ofSeed(5),
  /** x ‖ y. */
  authenticatorPublicKey: p256.getPublicKey(ofSeed(5), false).subarray(1),
  credRandom: ofSeed(6),
}

export function prfVectors(): readonly PrfVector[] {
  const [first, second] = [2, 3].map(index => join(SEED, Uint8Array.of(index)))
  if (first === undefined || second === undefined) throw new Error('There are two inputs')
  return [prfVector(2, [first], [7, 9]), prfVector(2, [first, second], [8, 10]), prfVector(1, [first])]
}

/** All of them, as one SHA-256. */
export function prfDigest(): string {
  const values = [Object.values(prfOfPage), Object.values(prfKeys), ...prfVectors().map(({ sharedSecret, inputs, salts, saltEnc, outputs, outputEnc }) =>
    [sharedSecret, ...inputs, ...salts, saltEnc, ...outputs, outputEnc])]
  return toHex(sha256(utf8(JSON.stringify(values.map(list => list.map(toHex))))))
}

function prfVector(protocol: 1 | 2, inputs: readonly Uint8Array[], ivs?: readonly [number, number]): PrfVector {
  const platform = createECDH('prime256v1')
  platform.setPrivateKey(prfKeys.platformSecretKey)
  const z = platform.computeSecret(join(Uint8Array.of(4), prfKeys.authenticatorPublicKey))
  const derived = (info: string) => new Uint8Array(hkdfSync('sha256', z, new Uint8Array(32), info, 32))
  const sharedSecret = protocol === 1 ? sha256(z) : join(derived('CTAP2 HMAC key'), derived('CTAP2 AES key'))
  const [saltIv, outputIv] = (ivs ?? []).map(index => ofSeed(index).subarray(0, 16))
  const encrypted = (plaintext: readonly Uint8Array[], iv: Uint8Array | undefined) => {
    const cipher = createCipheriv('aes-256-cbc', sharedSecret.subarray(-32), iv ?? new Uint8Array(16)).setAutoPadding(false)
    return join(iv ?? new Uint8Array(0), cipher.update(join(...plaintext)), cipher.final())
  }
  const salts = inputs.map(input => sha256(utf8('WebAuthn PRF\0'), input))
  const outputs = salts.map(salt => new Uint8Array(createHmac('sha256', prfKeys.credRandom).update(salt).digest()))
  return { protocol, sharedSecret, inputs, salts, saltIv, saltEnc: encrypted(salts, saltIv), outputs, outputIv, outputEnc: encrypted(outputs, outputIv) }
}
