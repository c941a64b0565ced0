import { base64urlnopad } from '@scure/base'
import * as z from 'zod'
import { BUNDLE_LIMIT } from '../../core/engine-id.ts'
import { CIPHERTEXT_LIMIT, PLAINTEXT_LIMIT } from '../../crypto/ciphertext.ts'

// What node and page say to each other, as JSON text over a WebSocket. Bytes are base64url without padding.

/** Where a page's WebSocket leads. */
export const SOCKET_PATH = '/ceremonies'

/** The version of all of this. */
export const VERSION = 1

/** The longest message of a page, in bytes: one with a plaintext. */
export const FRAME_LIMIT = Math.ceil(PLAINTEXT_LIMIT * 4 / 3) + 65_536

/** The length in bytes of the secret that lets a page in, of salts and of nonces. */
export const SECRET_LENGTH = 32

/** Why the node ends a connection: codes of a WebSocket's close frame (RFC 6455, section 7.4.2). */
export const CLOSED = Object.freeze({ malformed: 4400, notLetIn: 4401, tooLate: 4408, superseded: 4409, ended: 1001 })

/** The most bytes that one request may ask to sign: 1 MiB. */
export const DATA_LIMIT = 1 << 20
/** Of any text, in characters: no engine's name is longer. */
export const LONGEST_TEXT = 1024
/** Of a credential's id (WebAuthn level 3, section 4). */
const CREDENTIAL_ID_LIMIT = 1023
const MOST_CREDENTIALS = 16
/** How many ways to reach an authenticator are told of. */
export const MOST_TRANSPORTS = 8

function bytes(most: number, least = 0) {
  return z.codec(z.string().max(Math.ceil(most * 4 / 3)), z.custom<Uint8Array>(value => value instanceof Uint8Array), {
    decode(text, context) {
      const read = decoded(text)
      if (read !== undefined && read.length >= least && read.length <= most) return read
      context.issues.push({ code: 'custom', message: `not ${least} to ${most} bytes as base64url`, input: text })
      return z.NEVER
    },
    encode: read => base64urlnopad.encode(read),
  })
}

function decoded(text: string): Uint8Array | undefined {
  try {
    return base64urlnopad.decode(text)
  } catch {
    return undefined
  }
}

const id = z.string().regex(/^[\w-]{22}$/)
const text = z.string().max(LONGEST_TEXT)
const exactly32 = bytes(SECRET_LENGTH, SECRET_LENGTH)
const credentialId = bytes(CREDENTIAL_ID_LIMIT, 1)
/** Of a wrapped key. */
const sealed = bytes(1024, 1)

// ── what a page is asked for ─────────────────────────────────────────────────────────────────────────────────────

/** Whom it is for, as the runtime has it. */
const asker = z.strictObject({ node: text.nullable(), name: text })
const identity = z.strictObject({ name: text, bundle: bytes(BUNDLE_LIMIT).exactOptional() })
const algorithm = z.union([z.literal(-7), z.literal(-8)])
const transports = z.array(text).max(MOST_TRANSPORTS)
const known = z.strictObject({ id: credentialId, transports })

/** A credential to be made. */
const registration = {
  params: text,
  algorithm,
  challenge: exactly32,
  user: z.strictObject({ id: exactly32, name: text }),
  isResident: z.boolean(),
  userVerification: z.boolean(),
}

/** A credential under which the decryption key is wrapped. */
const wrappedKey = z.strictObject({ credential: known, salt: exactly32, sealed })
const wrappedKeys = z.array(wrappedKey).min(1).max(MOST_CREDENTIALS)
export type KeyAt = z.output<typeof wrappedKey>

const capabilities = z.enum(['Commit', 'Decrypt', 'CommitAndDecrypt'])

const common = { relyingParty: z.strictObject({ id: text, name: text }), asker: asker.exactOptional() }

/** What is asked of the person. `nonce` goes into a challenge that the page makes of it: see {@link challengeFor}. */
export const ceremony = z.discriminatedUnion('kind', [
  /** `salt` and `nonce` are for the PRF that wraps the decryption key, if there is to be one. */
  z.strictObject({ ...common, ...registration, kind: z.literal('register'), capabilities, encryption: z.strictObject({ salt: exactly32, nonce: exactly32 }).exactOptional() }),
  z.strictObject({ ...common, kind: z.literal('commit'), identity, data: bytes(DATA_LIMIT), credential: known, userVerification: z.boolean() }),
  z.strictObject({ ...common, kind: z.literal('decrypt'), identity, ciphertext: bytes(CIPHERTEXT_LIMIT), keys: wrappedKeys, nonce: exactly32 }),
  /** First by one of `keys`, with the nonce; then another one is made, which wraps the same. */
  z.strictObject({ ...common, ...registration, kind: z.literal('enrol'), identity, keys: wrappedKeys, nonce: exactly32, encryption: z.strictObject({ salt: exactly32, nonce: exactly32 }) }),
])
export type Ceremony = z.output<typeof ceremony>
export type CeremonyOf<K extends Ceremony['kind']> = Extract<Ceremony, { kind: K }>

export type Registration = Pick<CeremonyOf<'enrol'>, keyof typeof registration | 'relyingParty'>

const waiting = z.number().int().min(0)

export const fromNode = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('welcome') }),
  /** `patience`: how many milliseconds the person has; `waiting`: how many requests come after it. */
  z.strictObject({ type: z.literal('ask'), id, ceremony, patience: z.number().min(0), waiting }),
  z.strictObject({ type: z.literal('waiting'), waiting }),
  /** Nobody waits for it any more. */
  z.strictObject({ type: z.literal('withdrawn'), id, code: z.enum(['aborted', 'unanswered']) }),
  /** What became of an answer: taken, or with the code of why it was not. */
  z.strictObject({ type: z.literal('settled'), id, code: text.exactOptional() }),
])
export type FromNode = z.output<typeof fromNode>

// ── what a page answers ──────────────────────────────────────────────────────────────────────────────────────────

/** Of what a browser makes of a credential, the fields that are looked at. None for what extensions answered: PRF answers with secrets. */
const clientDataJSON = bytes(8192, 1)
const attestation = z.strictObject({ id: credentialId, clientDataJSON, attestationObject: bytes(65_535, 1), transports })
const assertion = z.strictObject({ id: credentialId, clientDataJSON, authenticatorData: bytes(8192, 1), signature: bytes(1024, 1) })
export type Attestation = z.output<typeof attestation>
export type PageAssertion = z.output<typeof assertion>

/** The public key to encrypt to, and the secret one, wrapped; the assertion is that of the PRF, where making the credential did not answer it. */
const encryption = z.strictObject({ publicKey: exactly32, sealed, assertion: assertion.exactOptional() })

/** Why a page does not answer. */
export const pageRefusals = ['denied', 'not-available', 'wrong-device', 'wrong-origin', 'backend-failed'] as const
export type PageRefusal = (typeof pageRefusals)[number]

export const answer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('registered'), attestation, encryption: encryption.exactOptional() }),
  z.strictObject({ kind: z.literal('committed'), assertion }),
  z.strictObject({ kind: z.literal('decrypted'), assertion, plaintext: bytes(PLAINTEXT_LIMIT).nullable() }),
  z.strictObject({ kind: z.literal('enrolled'), assertion, attestation, encryption }),
  z.strictObject({ kind: z.literal('refused'), code: z.enum(pageRefusals), text }),
])
export type Answer = z.output<typeof answer>
export type AnswerOf<K extends Answer['kind']> = Extract<Answer, { kind: K }>

export const fromPage = z.discriminatedUnion('type', [
  /** The first message of a page, and of no other. */
  z.strictObject({ type: z.literal('hello'), version: z.literal(VERSION), secret: exactly32 }),
  z.strictObject({ type: z.literal('answer'), id, answer }),
])
export type FromPage = z.output<typeof fromPage>

/** The text of a message. */
export function writeFrame<S extends z.ZodType>(schema: S, frame: z.output<S>): string {
  return JSON.stringify(z.encode(schema, frame))
}

/** What a text says, or `undefined` where it is no such message. */
export function readFrame<S extends z.ZodType>(schema: S, text: string): z.output<S> | undefined {
  try {
    const read: z.ZodSafeParseResult<z.output<S>> = z.safeDecode(schema, JSON.parse(text))
    return read.success ? read.data : undefined
  } catch {
    return undefined
  }
}
