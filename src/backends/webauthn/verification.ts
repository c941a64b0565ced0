import { base64urlnopad } from '@scure/base'
import { sha256 } from '@noble/hashes/sha2.js'
import { hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { z } from 'zod'
import { Fault } from '../../core/errors.ts'
import { AUTHENTICATOR_CBOR, parseAuthenticatorData } from '../../crypto/authenticator-data.ts'
import { sameBytes } from '../../crypto/bytes.ts'
import { compactSignature, coseAlgorithms, readCoseKey } from '../../crypto/cose.ts'
import type { SigningKey } from '../../crypto/identity-name.ts'
import type { Credential } from '../credential/record.ts'
import type { Attestation, PageAssertion } from './messages.ts'

/** What a response must be of. */
export interface Expected {
  readonly challenge: Uint8Array
  readonly relyingParty: string
  readonly origins: readonly string[]
  readonly userVerification: boolean
}

/** A credential that was made, as it is to be kept. */
export interface Registered {
  readonly key: SigningKey
  readonly credential: Required<Pick<Credential, 'id' | 'counter' | 'aaguid' | 'transports' | 'publicKey'>>
}

/**
 * Checks that a browser made this credential now, for us, by that algorithm (WebAuthn level 3, section 7.1). Who made the authenticator is not asked. Rejects with `wrong-origin`,
 * `stale-response`, `backend-failed`, and `not-available` without the package.
 */
export async function verifyRegistration({ id, transports, clientDataJSON, attestationObject }: Attestation, expected: Expected, params: string): Promise<Registered> {
  requireClientData(clientDataJSON, expected)
  const { verifyRegistrationResponse } = await load()
  const { registrationInfo } = await checked(verifyRegistrationResponse({
    response: {
      ...identified(id), response: { clientDataJSON: base64urlnopad.encode(clientDataJSON), attestationObject: base64urlnopad.encode(withoutStatement(attestationObject)) },
    },
    expectedChallenge: base64urlnopad.encode(expected.challenge),
    expectedOrigin: [...expected.origins],
    expectedRPID: expected.relyingParty,
    requireUserVerification: expected.userVerification,
    supportedAlgorithmIDs: [coseAlgorithms.get(params) ?? 0],
  }))
  const { credential, aaguid } = registrationInfo ?? {}
  const key = credential && readCoseKey(credential.publicKey)
  if (credential === undefined || aaguid === undefined || key?.suite.params !== params || credential.id !== base64urlnopad.encode(id)) throw invalid()
  return {
    key,
    credential: { id, counter: credential.counter, aaguid: hexToBytes(aaguid.replaceAll('-', '')), transports: [...transports], publicKey: new Uint8Array(credential.publicKey) },
  }
}

/**
 * Checks an assertion (WebAuthn level 3, section 7.2), by one of these credentials. Answers which one, and its counter, which is yet to be compared. Rejects with `wrong-device`, `wrong-origin`,
 * `stale-response`, `backend-failed`, and `not-available` without the package.
 */
export async function verifyAssertion(assertion: PageAssertion, expected: Expected, credentials: readonly Credential[]): Promise<{ readonly credential: Credential; readonly counter: number }> {
  const { id, clientDataJSON, authenticatorData, signature } = assertion
  const credential = credentials.find(known => sameBytes(known.id, id))
  if (credential === undefined) throw new Fault('wrong-device', 'Another authenticator answered than those that hold this key')
  requireClientData(clientDataJSON, expected)
  const { relyingPartyHash, counter } = parseAuthenticatorData(authenticatorData) ?? {}
  if (relyingPartyHash === undefined || counter === undefined || credential.publicKey === undefined) throw invalid()
  if (!sameBytes(relyingPartyHash, sha256(utf8ToBytes(expected.relyingParty)))) throw wrongOrigin()
  // The package reads DER that others don't.
  if (readCoseKey(credential.publicKey)?.suite.params === 'P256' && compactSignature(signature) === undefined) throw invalid()
  const { verifyAuthenticationResponse } = await load()
  const { verified } = await checked(verifyAuthenticationResponse({
    response: {
      ...identified(id),
      response: {
        clientDataJSON: base64urlnopad.encode(clientDataJSON), authenticatorData: base64urlnopad.encode(authenticatorData), signature: base64urlnopad.encode(signature),
      },
    },
    expectedChallenge: base64urlnopad.encode(expected.challenge),
    expectedOrigin: [...expected.origins],
    expectedRPID: expected.relyingParty,
    requireUserVerification: expected.userVerification,
    // The counter is looked at when it is kept: what went back is told apart from what is wrong.
    credential: { id: base64urlnopad.encode(id), publicKey: new Uint8Array(credential.publicKey), counter: 0 },
  }))
  if (!verified) throw invalid()
  return { credential, counter }
}

/**
 * The same, with no statement on who made the authenticator: it was not asked for, nothing is decided by it, and to check one the package may ask servers on the
 * network for certificates.
 */
function withoutStatement(attestationObject: Uint8Array): Uint8Array {
  const authData = authenticatorDataIn(attestationObject)
  return encode(new Map<string, unknown>([['fmt', 'none'], ['attStmt', new Map()], ['authData', authData]]), rfc8949EncodeOptions)
}

function authenticatorDataIn(attestationObject: Uint8Array): Uint8Array {
  let fields: unknown
  try {
    fields = decode(attestationObject, AUTHENTICATOR_CBOR)
  } catch (cause) {
    throw invalid(cause)
  }
  const authData: unknown = fields instanceof Map ? fields.get('authData') : undefined
  if (authData instanceof Uint8Array) return authData
  throw invalid()
}

const clientData = z.object({ challenge: z.string(), origin: z.string(), crossOrigin: z.boolean().default(false), topOrigin: z.string().optional() })

/** What a browser said of where it was, and for which request (WebAuthn level 3, section 5.8.1): looked at first, since it says what went wrong. */
function requireClientData(json: Uint8Array, { challenge, origins }: Expected): void {
  const said = clientData.safeParse(parsed(json))
  if (!said.success) throw invalid(said.error)
  // A page in a frame of another site may have had anything around it.
  if (!origins.includes(said.data.origin) || said.data.crossOrigin || said.data.topOrigin !== undefined) throw wrongOrigin()
  if (said.data.challenge !== base64urlnopad.encode(challenge)) throw new Fault('stale-response', 'The answer is to another request than the one that was asked')
}

function parsed(json: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
  } catch (cause) {
    throw invalid(cause)
  }
}

function identified(id: Uint8Array): { readonly id: string; readonly rawId: string; readonly type: 'public-key'; readonly clientExtensionResults: Record<string, never> } {
  return { id: base64urlnopad.encode(id), rawId: base64urlnopad.encode(id), type: 'public-key', clientExtensionResults: {} }
}

function wrongOrigin(): Fault {
  return new Fault('wrong-origin', 'The answer comes from a page of another origin, or is for another relying party')
}

function invalid(cause?: unknown): Fault {
  return new Fault('backend-failed', 'The page answered with what no authenticator makes for this request', cause === undefined ? undefined : { cause })
}

async function checked<T>(checking: Promise<T>): Promise<T> {
  try {
    return await checking
  } catch (cause) {
    throw invalid(cause)
  }
}

async function load(): Promise<typeof import('@simplewebauthn/server')> {
  try {
    return await import('@simplewebauthn/server')
  } catch (cause) {
    throw new Fault('not-available', 'The WebAuthn backend needs the optional package @simplewebauthn/server, which is absent or does not load here: npm install @simplewebauthn/server@14', { cause })
  }
}
