import { base64urlnopad } from '@scure/base'
import { bytesToHex } from '@noble/hashes/utils.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { Fault } from '../../core/errors.ts'
import { utf8 } from '../../crypto/bytes.ts'
import type { Session } from './ceremony.ts'
import type { HidDevice } from './hid.ts'
import type { HidParts } from './parts.ts'

/** What a device says of itself, and of its PIN. */
export interface DeviceInfo {
  readonly device: HidDevice
  readonly versions: readonly string[]
  readonly extensions: readonly string[]
  /** The device's model, in hexadecimal. */
  readonly aaguid: string
  /** What it can, and what of that is switched on (CTAP 2.1, section 6.4). */
  readonly options: { readonly [option: string]: boolean }
  /** How many wrong PINs it takes until it locks itself; absent where it has no PIN. */
  readonly pinRetries?: number
}

/** A credential that the device keeps. */
export interface ResidentCredential {
  /** Base64url of its id. */
  readonly credential: string
  readonly user: string
}

/** What there is to do with a device itself. Of several, the person chooses one. */
export class Management {
  readonly #parts: HidParts

  constructor(parts: HidParts) {
    this.#parts = parts
  }

  info(signal: AbortSignal): Promise<DeviceInfo> {
    return this.#manage(signal, async ({ device, authenticator, use }) => {
      const { versions, extensions, aaguid, options } = authenticator.info
      const pin = options.get('clientPin') === true ? { pinRetries: (await use(exchange => authenticator.pinRetries(exchange))).retries } : {}
      return { device, versions, extensions, aaguid: bytesToHex(aaguid), options: Object.fromEntries(options), ...pin }
    })
  }

  /** Sets the first PIN, or with `old` another one. */
  setPin(pin: string, old: string | undefined, signal: AbortSignal): Promise<void> {
    return this.#manage(signal, async ({ authenticator, use }) => {
      const hasPin = authenticator.info.options.get('clientPin') === true
      if (hasPin !== (old !== undefined)) throw new Fault('invalid-argument', hasPin ? 'The device has a PIN: give that too' : 'The device has no PIN yet: leave the old one out')
      await use(exchange => old === undefined ? authenticator.setPin(pin, exchange) : authenticator.changePin(old, pin, exchange))
    })
  }

  /** Those for our relying party. */
  residents(signal: AbortSignal): Promise<readonly ResidentCredential[]> {
    const { relyingParty } = this.#parts
    return this.#manage(signal, async ({ authenticator, use, verifyUser }) => {
      const verified = await verifyUser(['credentialManagement'], relyingParty)
      if (!('token' in verified)) throw new Fault('not-available', 'The device does not list what it keeps')
      const kept = await use(exchange => authenticator.credentials(verified.token).of(sha256(utf8(relyingParty, 'The relying party')), exchange))
      return kept.map(({ credentialId, user }) => ({ credential: base64urlnopad.encode(credentialId), user: user.name ?? '' }))
    })
  }

  #manage<T>(signal: AbortSignal, perform: (session: Session) => Promise<T>): Promise<T> {
    return this.#parts.requests.perform({ asked: { purpose: 'manage' }, perform }, signal)
  }
}
