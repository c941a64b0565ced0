import { Fault } from '../../../core/errors.ts'
import { CHANNEL_BUSY, INVALID_CHANNEL } from './reports.ts'

const LOCK_REQUIRED = 0x0a

/** CTAP 2.1, section 11.2.9.1.6. */
const NAMES: { readonly [code: number]: string } = {
  0x01: 'ERR_INVALID_CMD',
  0x02: 'ERR_INVALID_PAR',
  0x03: 'ERR_INVALID_LEN',
  0x04: 'ERR_INVALID_SEQ',
  0x05: 'ERR_MSG_TIMEOUT',
  [CHANNEL_BUSY]: 'ERR_CHANNEL_BUSY',
  [LOCK_REQUIRED]: 'ERR_LOCK_REQUIRED',
  [INVALID_CHANNEL]: 'ERR_INVALID_CHANNEL',
  0x7f: 'ERR_OTHER',
}

/** A device's CTAPHID_ERROR. */
export class HidRefusal extends Error {
  readonly errorCode: number
  /** Whether the device did nothing of what it was asked. */
  readonly isUntouched: boolean

  constructor(errorCode: number, isUntouched: boolean) {
    super(`The device answered ${NAMES[errorCode] ?? `error ${errorCode}`}`)
    this.name = 'HidRefusal'
    this.errorCode = errorCode
    this.isUntouched = isUntouched
  }

  /** Asking again is harmless, and may help. */
  get isBusy(): boolean {
    return this.isUntouched && this.errorCode === CHANNEL_BUSY
  }

  /** The device forgot the channel: it was reset, or served too many. */
  get isStale(): boolean {
    return this.isUntouched && this.errorCode === INVALID_CHANNEL
  }

  get fault(): Fault {
    if (this.errorCode === LOCK_REQUIRED || this.isBusy) return new Fault('device-busy', 'The device serves another program: end that, or try again later', { cause: this })
    return new Fault('backend-failed', `${this.message}: unplug it, plug it in again, and try once more`, { cause: this })
  }
}
