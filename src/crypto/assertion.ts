import { base64urlnopad } from '@scure/base'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts'
import { parseAuthenticatorData } from './authenticator-data.ts'
import type { AuthenticatorData } from './authenticator-data.ts'
import { requireBytes, sameBytes, utf8 } from './bytes.ts'
import { signable } from './signable.ts'

/** What the assertions of an identity must say, whose key an authenticator has: bound by its name, as its keys are. */
export interface AssertionPolicy {
  /** The id of the relying party: 1 to 253 characters of ASCII, without spaces. */
  readonly relyingParty: string
  /** Whether they must say that the user was verified. That the user was present, all must. */
  readonly userVerification: boolean
  /**
   * Of WebAuthn: the pages that may ask for them, 1 to 8, as long as a relying party's id, in ascending order. Where it is absent, they come from the authenticator
   * without a browser (CTAP 2.1), and are of the signable's hash itself.
   */
  readonly origins?: readonly string[]
}

/** A signature by an authenticator, over authenticator data and a hash. */
export interface Assertion {
  readonly authenticatorData: Uint8Array
  /** Of WebAuthn: what the browser says it signed. */
  readonly clientDataJSON?: Uint8Array
  /** As the suite has signatures: for `P256` r ‖ s. */
  readonly signature: Uint8Array
}

/** Version 1; kind 2: an assertion of CTAP, kind 3: one of WebAuthn. */
const CTAP = Uint8Array.of(1, 2)
const WEBAUTHN = Uint8Array.of(1, 3)
const LONGEST_PART = 0xffff

/** What an authenticator signs in place of the data: SHA-256 of `signable('data', name, data)`. WebAuthn's challenge, CTAP's clientDataHash. */
export function challengeOf(name: string, data: Uint8Array): Uint8Array {
  return sha256(signable('data', name, data))
}

/**
 * `u8 version 1 ‖ u8 kind ‖ u16 length ‖ authenticator data ‖ signature`, with `u16 length ‖ client data` before the signature in kind 3 (docs/formats.md).
 * Throws `invalid-argument` for parts that are no bytes, or of more than 65,535.
 */
export function assertionCommitment({ authenticatorData, clientDataJSON, signature }: Assertion): Uint8Array {
  requireBytes(signature, 'The signature')
  if (clientDataJSON === undefined) return concatBytes(CTAP, withLength(authenticatorData), signature)
  return concatBytes(WEBAUTHN, withLength(authenticatorData), withLength(clientDataJSON), signature)
}

/** What an assertion says, which an identity's commitment is; `undefined` for one that is none. Says nothing of whether it is true: see `verifyCommitment`. */
export function assertionOf(commitment: Uint8Array): (AuthenticatorData & Assertion) | undefined {
  requireBytes(commitment, 'The commitment')
  const assertion = readAssertion(commitment)
  const said = assertion && parseAuthenticatorData(assertion.authenticatorData)
  return assertion && said && { ...said, ...assertion }
}

/**
 * What the signature must be of, if all else is as WebAuthn level 3, section 7.2, has it: the kind, type, challenge, origin, relying party, user presence and
 * user verification. Else `undefined`.
 */
export function assertedMessage(assertion: AuthenticatorData & Assertion, policy: AssertionPolicy, challenge: Uint8Array): Uint8Array | undefined {
  const { authenticatorData, clientDataJSON, relyingPartyHash, userPresent, userVerified, credential } = assertion
  if (!userPresent || (policy.userVerification && !userVerified) || credential !== undefined) return undefined
  if (!sameBytes(relyingPartyHash, sha256(utf8(policy.relyingParty, 'A relying party')))) return undefined
  if (policy.origins === undefined) return clientDataJSON === undefined ? concatBytes(authenticatorData, challenge) : undefined
  if (clientDataJSON === undefined || !isClientData(clientDataJSON, challenge, policy.origins)) return undefined
  return concatBytes(authenticatorData, sha256(clientDataJSON))
}

/** WebAuthn level 3, section 5.8.1. Pages in frames of another origin may have shown anything around them. */
function isClientData(json: Uint8Array, challenge: Uint8Array, origins: readonly string[]): boolean {
  let said: unknown
  try {
    said = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
  } catch {
    return false
  }
  if (typeof said !== 'object' || said === null) return false
  const { type, challenge: encoded, origin, crossOrigin = false, topOrigin }: { type?: unknown; challenge?: unknown; origin?: unknown; crossOrigin?: unknown; topOrigin?: unknown } = said
  return type === 'webauthn.get' && encoded === base64urlnopad.encode(challenge) && typeof origin === 'string' && origins.includes(origin)
    && crossOrigin === false && topOrigin === undefined
}

/** Undefined for other bytes. The signature's length is for its suite to check. */
function readAssertion(commitment: Uint8Array): Assertion | undefined {
  const head = commitment.subarray(0, CTAP.length)
  const isWebAuthn = sameBytes(head, WEBAUTHN)
  if (!isWebAuthn && !sameBytes(head, CTAP)) return undefined
  const first = splitLength(commitment.subarray(CTAP.length))
  if (first === undefined || !isWebAuthn) return first && { authenticatorData: first.part, signature: first.rest }
  const second = splitLength(first.rest)
  return second && { authenticatorData: first.part, clientDataJSON: second.part, signature: second.rest }
}

function withLength(part: Uint8Array): Uint8Array {
  requireBytes(part, 'A part of an assertion')
  if (part.length > LONGEST_PART) throw new Fault('invalid-argument', `A part of an assertion has ${part.length} bytes, and none has more than ${LONGEST_PART}`)
  return concatBytes(Uint8Array.of(part.length >> 8, part.length & 0xff), part)
}

function splitLength(bytes: Uint8Array): { readonly part: Uint8Array; readonly rest: Uint8Array } | undefined {
  const [high, low] = bytes
  if (high === undefined || low === undefined) return undefined
  const end = 2 + high * 256 + low
  return bytes.length < end ? undefined : { part: bytes.subarray(2, end), rest: bytes.subarray(end) }
}
