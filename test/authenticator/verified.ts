import type { Fields } from './cbor.ts'
import type { ClientPin } from './client-pin.ts'
import type { PinUvToken } from './pin-uv-token.ts'
import { Refusal } from './status.ts'

/** What is known of the person at a ceremony. */
export interface Verified {
  readonly userVerified: boolean
  readonly userPresent: boolean
}

/** The part of makeCredential and getAssertion that is about user verification. */
export interface Claim {
  readonly permission: number
  readonly relyingParty: string
  readonly clientDataHash: Uint8Array
  readonly signature: Uint8Array | undefined
  readonly protocol: number | undefined
  readonly options: Fields | undefined
}

export interface Verdict {
  readonly userVerified: boolean
  readonly token: PinUvToken | undefined
  /** The built-in verification, too, is a touch. */
  readonly isTouched: boolean
}

/** Steps 2 to 11 of CTAP 2.1, section 6.1.2, and those of 6.2.2 that are the same. */
export function verdictOf(clientPin: ClientPin, { permission, relyingParty, clientDataHash, signature, protocol, options }: Claim): Verdict {
  const uv = options?.maybeBoolean('uv') ?? false
  if (signature !== undefined) {
    if (protocol === undefined) throw new Refusal('MISSING_PARAMETER')
    clientPin.protocol(protocol)
    if (!clientPin.isProtected) throw new Refusal('PIN_NOT_SET')
    const token = clientPin.authorised(permission, protocol, clientDataHash, signature)
    token.bind(relyingParty)
    return { userVerified: true, token, isTouched: token.userPresent }
  }
  if (!uv) return { userVerified: false, token: undefined, isTouched: false }
  if (clientPin.verification === undefined) throw new Refusal('INVALID_OPTION')
  try {
    clientPin.verification.perform()
  } catch (error) {
    // With a PIN to fall back on, the platform is told to ask for it.
    if (error instanceof Refusal && error.message === 'UV_BLOCKED' && clientPin.pin.isSet) throw new Refusal('PUAT_REQUIRED')
    throw error instanceof Refusal && error.message === 'UV_INVALID' ? new Refusal('OPERATION_DENIED') : error
  }
  return { userVerified: true, token: undefined, isTouched: true }
}
