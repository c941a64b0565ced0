import { base64urlnopad } from '@scure/base'
import { secretCopy } from '../../../crypto/secret-bytes.ts'
import { MOST_TRANSPORTS } from '../messages.ts'
import type { Attestation, KeyAt, PageAssertion, PageRefusal, Registration } from '../messages.ts'

/** Why a ceremony ended without what it was for. */
export class CeremonyError extends Error {
  readonly code: PageRefusal

  constructor(code: PageRefusal, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** How the browser asks for one authenticator, as others are, and how long it may. */
export interface Asking {
  readonly signal: AbortSignal
  /** In milliseconds. */
  readonly patience: number
}

/** The node ends what is late, and says so. A browser that did it first would call it a denial. */
const LATER = 2

/** A credential that was made; where its PRF was asked for, the secret that it answered, which the caller erases, if it answered already. */
export interface Made {
  readonly attestation: Attestation
  readonly secret: Uint8Array | undefined
}

/**
 * Makes a credential (WebAuthn level 3, section 5.1.3). With `salt` it must have the PRF (section 10.1.4). Throws {@link CeremonyError}.
 */
export async function makeCredential(
  { relyingParty, user, challenge, algorithm, isResident, userVerification }: Registration,
  { salt, exclude = [] }: { readonly salt: Uint8Array | undefined; readonly exclude?: readonly KeyAt[] },
  { signal, patience }: Asking,
): Promise<Made> {
  const verified = userVerification ? 'required' : 'discouraged'
  const made = await asked(navigator.credentials.create({ signal, publicKey: {
    rp: relyingParty,
    user: { id: own(user.id), name: user.name, displayName: user.name },
    challenge: own(challenge),
    pubKeyCredParams: [{ type: 'public-key', alg: algorithm }],
    authenticatorSelection: { residentKey: isResident ? 'required' : 'discouraged', requireResidentKey: isResident, userVerification: verified },
    excludeCredentials: exclude.map(({ credential }) => ({ type: 'public-key', id: own(credential.id) })),
    attestation: 'none',
    timeout: LATER * patience,
    ...salt && { extensions: { prf: { eval: { first: own(salt) } } } },
  } }))
  if (!(made instanceof PublicKeyCredential) || !(made.response instanceof AuthenticatorAttestationResponse)) throw new CeremonyError('backend-failed', 'The browser made no credential.')
  const { response } = made
  const { prf } = made.getClientExtensionResults()
  if (salt !== undefined && prf?.enabled !== true) throw new CeremonyError('not-available', 'This authenticator cannot keep a decryption key: it has no PRF.')
  return {
    attestation: {
      id: new Uint8Array(made.rawId), clientDataJSON: new Uint8Array(response.clientDataJSON), attestationObject: new Uint8Array(response.attestationObject),
      transports: response.getTransports().slice(0, MOST_TRANSPORTS),
    },
    secret: taken(prf?.results?.first),
  }
}

/** What an authenticator was asked for: by which of its credentials, and for which challenge. */
export interface Wanted {
  readonly relyingParty: { readonly id: string }
  readonly challenge: Uint8Array
  readonly userVerification: boolean
  readonly credentials: readonly { readonly id: Uint8Array; readonly transports: readonly string[]; readonly salt?: Uint8Array }[]
}

/** An assertion; where there were salts, with the PRF's secret, which the caller erases. */
export interface Asserted {
  readonly assertion: PageAssertion
  readonly secret: Uint8Array | undefined
}

/** Has one of the credentials sign (WebAuthn level 3, section 5.1.4). Throws {@link CeremonyError}. */
export async function getAssertion({ relyingParty, challenge, userVerification, credentials }: Wanted, { signal, patience }: Asking): Promise<Asserted> {
  const salts = credentials.flatMap(({ id, salt }) => salt === undefined ? [] : [[base64urlnopad.encode(id), { first: own(salt) }] as const])
  const got = await asked(navigator.credentials.get({ signal, publicKey: {
    rpId: relyingParty.id,
    challenge: own(challenge),
    allowCredentials: credentials.map(({ id, transports }) => ({ type: 'public-key', id: own(id), transports: transports.filter(isTransport) })),
    userVerification: userVerification ? 'required' : 'discouraged',
    timeout: LATER * patience,
    ...salts.length > 0 && { extensions: { prf: { evalByCredential: Object.fromEntries(salts) } } },
  } }))
  if (!(got instanceof PublicKeyCredential) || !(got.response instanceof AuthenticatorAssertionResponse)) throw new CeremonyError('backend-failed', 'The browser got no assertion.')
  const { response } = got
  return {
    assertion: {
      id: new Uint8Array(got.rawId), clientDataJSON: new Uint8Array(response.clientDataJSON), authenticatorData: new Uint8Array(response.authenticatorData),
      signature: new Uint8Array(response.signature),
    },
    secret: taken(got.getClientExtensionResults().prf?.results?.first),
  }
}

/** A copy of the PRF's secret, if it is one: zeros are what somebody erased. It is in no text: `toJSON` would make one, which nobody can erase. */
function taken(given: BufferSource | undefined): Uint8Array | undefined {
  if (given === undefined) return undefined
  const bytes = ArrayBuffer.isView(given) ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength) : new Uint8Array(given)
  if (bytes.every(byte => byte === 0)) return undefined
  const secret = secretCopy(bytes)
  bytes.fill(0)
  return secret
}

const transportNames: readonly AuthenticatorTransport[] = ['ble', 'hybrid', 'internal', 'nfc', 'usb']

function isTransport(name: string): name is AuthenticatorTransport {
  return transportNames.some(known => known === name)
}

function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}

/** What browsers call their refusals, and what it means here. Which of the person, the time and the authenticator it was, they don't tell. */
const REFUSALS: ReadonlyMap<string, readonly [PageRefusal, string]> = new Map([
  ['NotAllowedError', ['denied', 'You or the authenticator said no, or it does not hold this key. Nothing was done.']],
  ['SecurityError', ['wrong-origin', 'This page is of a site that may not use these keys.']],
  ['NotSupportedError', ['not-available', 'This authenticator cannot do that.']],
  ['ConstraintError', ['not-available', 'This authenticator cannot verify you, or cannot keep the key.']],
  ['InvalidStateError', ['not-available', 'This authenticator is enrolled already: use another one.']],
])

async function asked<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking
  } catch (cause) {
    const [code, text] = REFUSALS.get(cause instanceof DOMException ? cause.name : '') ?? ['backend-failed', 'The browser failed to ask the authenticator.']
    throw new CeremonyError(code, text, { cause })
  }
}
