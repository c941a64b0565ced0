/** Codes of failures that the runtime itself reports to whoever waits for an answer. */
export type FailureCode =
  | 'aborted'
  | 'crashed'
  | 'deadline'
  | 'mailbox-full'
  | 'not-acquainted'
  | 'stopped'
  | 'unhandled'
  | 'unreachable'

/** Codes of everything else this library throws. `docs/errors.md` explains each. */
export type FaultCode =
  | 'invalid-argument'
  | 'invalid-definition'
  | 'invalid-effect'
  | 'invalid-identity'
  | 'invalid-message'
  | 'backend-failed'
  | 'backup-damaged'
  | 'child-crashed'
  | 'keyslots-damaged'
  | 'locked'
  | 'name-taken'
  | 'node-stopped'
  | 'not-available'
  | 'not-encodable'
  | 'not-found'
  | 'portable-crypto'
  | 'start-failed'
  | 'store-closed'
  | 'store-damaged'
  | 'store-failed'
  | 'store-foreign'
  | 'store-locked'
  | 'store-newer'
  | 'store-read-only'
  | 'unlock-delayed'
  | 'vault-damaged'
  | 'vault-rolled-back'
  | 'wrong-passphrase'
  | DeviceCode

/** Codes of what a device, a page, or the person there, did not do. Engines answer with them as they are. */
export type DeviceCode =
  | 'counter-behind'
  | 'denied'
  | 'device-absent'
  | 'device-busy'
  | 'device-gone'
  | 'device-unavailable'
  | 'page-closed'
  | 'pin-locked'
  | 'pin-missing'
  | 'pin-wrong'
  | 'stale-response'
  | 'unanswered'
  | 'wrong-device'
  | 'wrong-origin'

/**
 * Base of every error of this library. `code` is stable and meant for programs; the text is meant for people and may
 * change. An error never carries key material, a passphrase or plaintext.
 */
export class IpseError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'IpseError'
    this.code = code
  }
}

/**
 * A use of this library that cannot work, or an outside part that failed. Nothing was changed, but for the name of an
 * engine that could not start: it was given.
 */
export class Fault extends IpseError {
  declare readonly code: FaultCode

  constructor(code: FaultCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
    this.name = 'Fault'
  }
}

/** No answer came to a request, and none will: the runtime says why. */
export class Failed extends IpseError {
  declare readonly code: FailureCode

  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
    this.name = 'Failed'
  }
}

/** What a response holds instead of its fields when the request was refused: a text for people, a code for programs. */
export interface Refusal<C extends string = string> {
  readonly err: string
  readonly code: C
}

/**
 * The answer is no. `code` is the response's own: one that its protocol lists; or `malformed`, `too-large` or the field's own, when
 * the runtime refused a request that does not fit.
 */
export class Refused extends IpseError {
  readonly response: Refusal

  constructor(response: Refusal) {
    super(response.code, response.err)
    this.name = 'Refused'
    this.response = response
  }
}
