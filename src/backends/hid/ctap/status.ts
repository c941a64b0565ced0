import { Fault } from '../../../core/errors.ts'
import type { FaultCode } from '../../../core/errors.ts'

/** What it means to a caller, and what to do. */
interface Meaning {
  readonly name: string
  readonly code?: FaultCode
  readonly text?: string
}

export const NO_CREDENTIALS = 0x2e
export const PIN_INVALID = 0x31
export const PIN_NOT_SET = 0x35
const PUAT_REQUIRED = 0x36
/** The device verifies nobody by itself any more, until somebody gave the PIN. */
export const UV_BLOCKED = 0x3c

/** CTAP 2.1, section 8.2. */
const MEANINGS: { readonly [status: number]: Meaning } = {
  0x01: { name: 'CTAP1_ERR_INVALID_COMMAND', code: 'not-available', text: 'The device does not know this command' },
  0x02: { name: 'CTAP1_ERR_INVALID_PARAMETER' },
  0x03: { name: 'CTAP1_ERR_INVALID_LENGTH' },
  0x04: { name: 'CTAP1_ERR_INVALID_SEQ' },
  0x05: { name: 'CTAP1_ERR_TIMEOUT' },
  0x06: { name: 'CTAP1_ERR_CHANNEL_BUSY', code: 'device-busy', text: 'The device serves another program: end that, or try again later' },
  0x0a: { name: 'CTAP1_ERR_LOCK_REQUIRED' },
  0x0b: { name: 'CTAP1_ERR_INVALID_CHANNEL' },
  0x11: { name: 'CTAP2_ERR_CBOR_UNEXPECTED_TYPE' },
  0x12: { name: 'CTAP2_ERR_INVALID_CBOR' },
  0x14: { name: 'CTAP2_ERR_MISSING_PARAMETER' },
  0x15: { name: 'CTAP2_ERR_LIMIT_EXCEEDED', code: 'not-available', text: 'The request is more than the device takes' },
  0x17: { name: 'CTAP2_ERR_FP_DATABASE_FULL', code: 'not-available', text: 'The device has no room for another fingerprint' },
  0x18: { name: 'CTAP2_ERR_LARGE_BLOB_STORAGE_FULL', code: 'not-available', text: 'The device has no room for more data' },
  0x19: { name: 'CTAP2_ERR_CREDENTIAL_EXCLUDED', code: 'not-available', text: 'The device holds such a credential already: take another device' },
  0x21: { name: 'CTAP2_ERR_PROCESSING' },
  0x22: { name: 'CTAP2_ERR_INVALID_CREDENTIAL', code: 'wrong-device', text: 'The device does not hold the credential: take the one that does' },
  0x23: { name: 'CTAP2_ERR_USER_ACTION_PENDING' },
  0x24: { name: 'CTAP2_ERR_OPERATION_PENDING' },
  0x25: { name: 'CTAP2_ERR_NO_OPERATIONS' },
  0x26: { name: 'CTAP2_ERR_UNSUPPORTED_ALGORITHM', code: 'not-available', text: 'The device does not sign by this algorithm' },
  0x27: { name: 'CTAP2_ERR_OPERATION_DENIED', code: 'denied', text: 'The person at the device said no' },
  0x28: { name: 'CTAP2_ERR_KEY_STORE_FULL', code: 'not-available', text: 'The device has no room for another resident credential: delete one of them' },
  0x2b: { name: 'CTAP2_ERR_UNSUPPORTED_OPTION', code: 'not-available', text: 'The device can not do this' },
  0x2c: { name: 'CTAP2_ERR_INVALID_OPTION' },
  0x2d: { name: 'CTAP2_ERR_KEEPALIVE_CANCEL', code: 'unanswered', text: 'The request was called off' },
  [NO_CREDENTIALS]: { name: 'CTAP2_ERR_NO_CREDENTIALS', code: 'wrong-device', text: 'The device does not hold the credential: take the one that does' },
  0x2f: { name: 'CTAP2_ERR_USER_ACTION_TIMEOUT', code: 'unanswered', text: 'Nobody touched the device in time' },
  0x30: { name: 'CTAP2_ERR_NOT_ALLOWED', text: 'The device does not allow it now. A reset is allowed within ten seconds of plugging it in' },
  [PIN_INVALID]: { name: 'CTAP2_ERR_PIN_INVALID', code: 'pin-wrong', text: 'The PIN is wrong' },
  0x32: { name: 'CTAP2_ERR_PIN_BLOCKED', code: 'pin-locked', text: 'The PIN was wrong too often: but for a reset, which erases its credentials, the device takes none any more' },
  0x33: { name: 'CTAP2_ERR_PIN_AUTH_INVALID', text: 'The device does not take what the PIN was exchanged for any more: give the PIN again' },
  0x34: { name: 'CTAP2_ERR_PIN_AUTH_BLOCKED', code: 'pin-locked', text: 'The PIN was wrong too often: unplug the device, and plug it in again' },
  [PIN_NOT_SET]: { name: 'CTAP2_ERR_PIN_NOT_SET', code: 'pin-missing', text: 'The device has no PIN: set one first' },
  [PUAT_REQUIRED]: { name: 'CTAP2_ERR_PUAT_REQUIRED', text: 'The device wants to verify the user: give its PIN' },
  0x37: { name: 'CTAP2_ERR_PIN_POLICY_VIOLATION', code: 'invalid-argument', text: 'The device does not take this PIN: it is too short, or must be changed first' },
  0x39: { name: 'CTAP2_ERR_REQUEST_TOO_LARGE', code: 'not-available', text: 'The request is longer than the device takes' },
  0x3a: { name: 'CTAP2_ERR_ACTION_TIMEOUT', code: 'unanswered', text: 'Nobody answered at the device in time' },
  0x3b: { name: 'CTAP2_ERR_UP_REQUIRED' },
  [UV_BLOCKED]: { name: 'CTAP2_ERR_UV_BLOCKED', code: 'pin-locked', text: 'The device did not recognize the user too often: give its PIN' },
  0x3d: { name: 'CTAP2_ERR_INTEGRITY_FAILURE' },
  0x3e: { name: 'CTAP2_ERR_INVALID_SUBCOMMAND', code: 'not-available', text: 'The device does not know this command' },
  0x3f: { name: 'CTAP2_ERR_UV_INVALID', code: 'denied', text: 'The device did not recognize the user' },
  0x40: { name: 'CTAP2_ERR_UNAUTHORIZED_PERMISSION', code: 'not-available', text: 'The device does not give this permission' },
  0x7f: { name: 'CTAP1_ERR_OTHER' },
}

/** The cause of a Fault: what the device answered instead (CTAP 2.1, section 8.2). */
export class CtapError extends Error {
  readonly status: number
  /** "CTAP2_ERR_PIN_AUTH_BLOCKED" */
  readonly statusName: string

  constructor(status: number) {
    const name = MEANINGS[status]?.name ?? `status 0x${status.toString(16).padStart(2, '0')}`
    super(`The device answered ${name}`)
    this.name = 'CtapError'
    this.status = status
    this.statusName = name
  }
}

/** What a status other than success means to a caller. `canVerify`: the device has a PIN, or another way to verify the user. */
export function faultOf(status: number, canVerify: boolean): Fault {
  const cause = new CtapError(status)
  const { code = 'backend-failed', text = cause.message } = MEANINGS[status === PUAT_REQUIRED && !canVerify ? PIN_NOT_SET : status] ?? {}
  return new Fault(code, text, { cause })
}

/** The status of the device's answer that a Fault tells of, if it does. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Fault && error.cause instanceof CtapError ? error.cause.status : undefined
}
