import { sha256 } from '@noble/hashes/sha2.js'
import { z } from 'zod'
import { Fault } from '../../../core/errors.ts'
import { utf8 } from '../../../crypto/bytes.ts'
import { secretBytes, secretCopy, secretFrom } from '../../../crypto/secret-bytes.ts'
import type { RandomBytes } from '../../../crypto/suite.ts'
import { COMMAND } from './commands.ts'
import type { Parameters, Send } from './commands.ts'
import type { AuthenticatorInfo } from './info.ts'
import { agreementKey, KeyAgreement } from './key-agreement.ts'
import { pinProtocols } from './pin-protocol.ts'
import type { PinProtocol } from './pin-protocol.ts'
import { PERMISSIONS, PinUvToken } from './pin-token.ts'
import type { Permission } from './pin-token.ts'
import { bytes, count, numbered, read } from './reading.ts'

/** Subcommands, and fields of request and response (CTAP 2.1, section 6.5.5). */
const [PIN_RETRIES, KEY_AGREEMENT, SET_PIN, CHANGE_PIN, PIN_TOKEN, TOKEN_BY_UV, UV_RETRIES, TOKEN_BY_PIN] = [1, 2, 3, 4, 5, 6, 7, 9]
const [PROTOCOL, SUBCOMMAND, KEY, AUTHENTICATION, NEW_PIN, PIN_HASH, PERMISSION, RELYING_PARTY] = [1, 2, 3, 4, 5, 6, 9, 10]

/** In bytes of UTF-8 (CTAP 2.1, section 6.5.1). */
export const LONGEST_PIN = 63
/** In bytes: a PIN is padded to it. */
const PADDED = LONGEST_PIN + 1
/** In code points. A device may want more of a new one. */
const SHORTEST = 4
const HASH_LENGTH = 16

/** How often a PIN may still be wrong. `powerCycle`: not before the device is unplugged and plugged in again. */
export interface PinRetries {
  readonly retries: number
  readonly powerCycle: boolean
}

const pinRetriesResponse = numbered(z.object({ 3: count, 4: z.boolean().default(false) }))
const uvRetriesResponse = numbered(z.object({ 5: count }))
const keyResponse = numbered(z.object({ 1: agreementKey }))
const tokenResponse = numbered(z.object({ 2: bytes(16, 64) }))

/** PINs, and what they are exchanged for (authenticatorClientPIN; CTAP 2.1, section 6.5). */
export class ClientPin {
  readonly #send: Send
  readonly #info: AuthenticatorInfo
  readonly #random: RandomBytes

  constructor(send: Send, info: AuthenticatorInfo, random: RandomBytes) {
    this.#send = send
    this.#info = info
    this.#random = random
  }

  async pinRetries(): Promise<PinRetries> {
    this.#requirePin()
    const response = read(pinRetriesResponse, await this.#ask(PIN_RETRIES), 'a number of retries')
    return { retries: response[3], powerCycle: response[4] }
  }

  async uvRetries(): Promise<number> {
    if (this.#info.options.get('uv') !== true) throw new Fault('not-available', 'The device does not verify the user by itself: give its PIN')
    return read(uvRetriesResponse, await this.#ask(UV_RETRIES), 'a number of retries')[5]
  }

  async setPin(pin: string): Promise<void> {
    const { options } = this.#info
    if (!options.has('clientPin')) throw new Fault('not-available', 'The device has no PIN, and takes none')
    if (options.get('clientPin') === true) throw new Fault('not-available', 'The device has a PIN already: change it')
    const padded = this.#newPin(pin)
    await this.#agreeing(agreement => {
      const encrypted = agreement.encrypt(padded)
      return this.#ask(SET_PIN, agreement, [AUTHENTICATION, agreement.authenticate(encrypted)], [NEW_PIN, encrypted])
    }).finally(() => padded.fill(0))
  }

  async changePin(from: string, to: string): Promise<void> {
    this.#requirePin()
    const padded = this.#newPin(to)
    const hash = hashOf(from)
    await this.#agreeing(agreement => {
      const [encrypted, encryptedHash] = [agreement.encrypt(padded), agreement.encrypt(hash)]
      const authentication = agreement.authenticate(secretCopy(encrypted, encryptedHash))
      return this.#ask(CHANGE_PIN, agreement, [AUTHENTICATION, authentication], [NEW_PIN, encrypted], [PIN_HASH, encryptedHash])
    }).finally(() => {
      padded.fill(0)
      hash.fill(0)
    })
  }

  /** Devices of CTAP 2.0 know of no permissions: their token is for everything, and for all relying parties. */
  async tokenByPin(pin: string, permissions: readonly Permission[], relyingParty: string | undefined): Promise<PinUvToken> {
    this.#requirePin()
    if (this.#info.forcePinChange) throw new Fault('pin-missing', 'The PIN of the device must be changed before it can be used')
    const hash = hashOf(pin)
    return this.#agreeing(agreement => {
      const encrypted = agreement.encrypt(hash)
      if (!this.#hasPermissions) return this.#token(agreement, PIN_TOKEN, [PIN_HASH, encrypted])
      return this.#token(agreement, TOKEN_BY_PIN, [PIN_HASH, encrypted], ...scope(permissions, relyingParty))
    }).finally(() => hash.fill(0))
  }

  /** By the device's own means, such as a finger. */
  async tokenByUv(permissions: readonly Permission[], relyingParty: string | undefined): Promise<PinUvToken> {
    if (this.#info.options.get('uv') !== true || !this.#hasPermissions) throw new Fault('not-available', 'The device gives out no token by verifying the user itself: give its PIN')
    return this.#agreeing(agreement => this.#token(agreement, TOKEN_BY_UV, ...scope(permissions, relyingParty)))
  }

  /** For one exchange of secrets. The caller erases it. */
  async agreement(): Promise<KeyAgreement> {
    const response = read(keyResponse, await this.#ask(KEY_AGREEMENT), 'a key for key agreement')
    return new KeyAgreement(protocolOf(this.#info), response[1], this.#random)
  }

  get #hasPermissions(): boolean {
    return this.#info.options.get('pinUvAuthToken') === true
  }

  async #agreeing<T>(work: (agreement: KeyAgreement) => Promise<T>): Promise<T> {
    const agreement = await this.agreement()
    try {
      return await work(agreement)
    } finally {
      agreement.erase()
    }
  }

  async #token(agreement: KeyAgreement, subcommand: number, ...parameters: Parameters): Promise<PinUvToken> {
    const response = read(tokenResponse, await this.#ask(subcommand, agreement, ...parameters), 'a PIN token')
    return new PinUvToken(agreement.protocol, agreement.decrypt(response[2], agreement.protocol.tokenLengths))
  }

  /** CTAP 2.0 wants the protocol in every request. */
  #ask(subcommand: number, agreement?: KeyAgreement, ...parameters: Parameters): Promise<ReadonlyMap<unknown, unknown>> {
    return this.#send(COMMAND.clientPin, [[PROTOCOL, protocolOf(this.#info).number], [SUBCOMMAND, subcommand], [KEY, agreement?.key], ...parameters])
  }

  #requirePin(): void {
    const isSet = this.#info.options.get('clientPin')
    if (isSet === undefined) throw new Fault('not-available', 'The device has no PIN, and takes none')
    if (!isSet) throw new Fault('pin-missing', 'The device has no PIN: set one first')
  }

  #newPin(pin: string): Uint8Array {
    const least = Math.max(SHORTEST, this.#info.minPinLength)
    const padded = paddedPin(pin, least)
    if (padded === undefined) throw new Fault('invalid-argument', `A PIN has at least ${least} characters, and as UTF-8 at most ${LONGEST_PIN} bytes`)
    return padded
  }
}

/** The device's first choice among those that we know. One of CTAP 2.0 may leave out that it has the first alone. */
function protocolOf({ pinUvAuthProtocols }: AuthenticatorInfo): PinProtocol {
  const numbers = pinUvAuthProtocols.length === 0 ? [1] : pinUvAuthProtocols
  for (const number of numbers) {
    const protocol = pinProtocols.get(number)
    if (protocol !== undefined) return protocol
  }
  throw new Fault('not-available', `The device keeps secrets on their way by none but protocols ${numbers.join(', ')}, which are not known here`)
}

function scope(permissions: readonly Permission[], relyingParty: string | undefined): Parameters {
  return [[PERMISSION, permissions.reduce((bits, permission) => bits | PERMISSIONS[permission], 0)], [RELYING_PARTY, relyingParty]]
}

/** Throws `pin-wrong` for what can be no PIN: the device would count it. */
function hashOf(pin: string): Uint8Array {
  const padded = paddedPin(pin, SHORTEST)
  if (padded === undefined) throw new Fault('pin-wrong', `The PIN is wrong: a PIN has at least ${SHORTEST} characters, and as UTF-8 at most ${LONGEST_PIN} bytes. The device was not asked`)
  const hash = secretFrom(sha256(padded.subarray(0, padded.indexOf(0))))
  const left = secretCopy(hash.subarray(0, HASH_LENGTH))
  hash.fill(0)
  padded.fill(0)
  return left
}

/** UTF-8 of its normal form NFC (CTAP 2.1, section 6.5.1), padded with zeros. `undefined` unless it has so many code points, fits, and has no zero itself. */
function paddedPin(pin: string, least: number): Uint8Array | undefined {
  const normal = pin.normalize('NFC')
  const bytes = normal.isWellFormed() ? utf8(normal, 'A PIN') : new Uint8Array()
  try {
    if ([...normal].length < least || bytes.length > LONGEST_PIN || bytes.length === 0 || bytes.includes(0)) return undefined
    const padded = secretBytes(PADDED)
    padded.set(bytes)
    return padded
  } finally {
    bytes.fill(0)
  }
}
