import { BuiltInVerification } from './built-in-verification.ts'
import type { CborMap, Fields } from './cbor.ts'
import type { Exchange } from './exchange.ts'
import { Pin } from './pin.ts'
import { PinProtocol } from './pin-protocol.ts'
import type { PinProtocolVersion } from './pin-protocol.ts'
import { EVERY_PERMISSION, PERMISSION, PinUvToken } from './pin-uv-token.ts'
import { Refusal } from './status.ts'
import type { Timers } from './timers.ts'

export interface ClientPinOptions {
  readonly protocols: readonly PinProtocolVersion[]
  /** CTAP 2.0 has tokens without permissions, and no others. */
  readonly hasPermissions: boolean
  readonly hasCredentialManagement: boolean
  readonly verify: (() => boolean) | undefined
  readonly timers: Timers
}

/** authenticatorClientPIN (CTAP 2.1, section 6.5.5), and the token that it has given. */
export class ClientPin {
  readonly pin = new Pin()
  readonly verification: BuiltInVerification | undefined
  readonly #protocols: readonly PinProtocol[]
  readonly #options: ClientPinOptions
  #token: PinUvToken | undefined

  constructor(options: ClientPinOptions) {
    this.#options = options
    this.#protocols = options.protocols.map(version => new PinProtocol(version, version === 1 && !options.hasPermissions ? 16 : 32))
    this.verification = options.verify && new BuiltInVerification(options.verify)
  }

  /** Whether anything but a touch guards this authenticator. */
  get isProtected(): boolean {
    return this.pin.isSet || this.verification !== undefined
  }

  protocol(version: number): PinProtocol {
    const protocol = this.#protocols.find(each => each.version === version)
    if (protocol === undefined) throw new Refusal('INVALID_PARAMETER')
    return protocol
  }

  /** The token in use, once `signature` of `message` is found to be by it. */
  authorised(permission: number, version: number | undefined, message: Uint8Array, signature: Uint8Array): PinUvToken {
    if (version === undefined) throw new Refusal('MISSING_PARAMETER')
    const protocol = this.protocol(version)
    if (this.#token === undefined) throw new Refusal('PIN_AUTH_INVALID')
    this.#token.assertPermits(permission, protocol, message, signature)
    return this.#token
  }

  /** After a touch. A token of CTAP 2.0 lasts until the next is asked for. */
  spend(token: PinUvToken | undefined): void {
    if (this.#options.hasPermissions) token?.spend()
  }

  powerCycle(): void {
    this.pin.powerCycle()
    this.#resetTokens()
    for (const protocol of this.#protocols) protocol.regenerate()
  }

  async command(fields: Fields, exchange: Exchange): Promise<CborMap | undefined> {
    switch (fields.integer(2)) {
      case 1: return new Map<number, unknown>([[3, this.pin.retries], ...this.pin.needsPowerCycle ? [[4, true] as const] : []])
      case 2: return new Map([[1, this.#protocolOf(fields).publicKey()]])
      case 3: return this.#setPin(fields)
      case 4: return this.#changePin(fields)
      case 5: return this.#getPinToken(fields)
      case 6: return this.#getTokenByVerification(fields, exchange)
      case 7: return this.#getUvRetries()
      case 9: return this.#getTokenByPin(fields)
      default: throw new Refusal('INVALID_SUBCOMMAND')
    }
  }

  #protocolOf(fields: Fields): PinProtocol {
    return this.protocol(fields.integer(1))
  }

  #setPin(fields: Fields): undefined {
    const protocol = this.#protocolOf(fields)
    const [platformKey, newPin, signature] = [fields.map(3), fields.bytes(5), fields.bytes(4)]
    if (this.pin.isSet) throw new Refusal('PIN_AUTH_INVALID')
    const secret = protocol.decapsulate(platformKey)
    if (!protocol.isAuthentic(secret, newPin, signature)) throw new Refusal('PIN_AUTH_INVALID')
    this.pin.set(protocol.decrypt(secret, newPin))
  }

  #changePin(fields: Fields): undefined {
    const protocol = this.#protocolOf(fields)
    const [platformKey, newPin, hash, signature] = [fields.map(3), fields.bytes(5), fields.bytes(6), fields.bytes(4)]
    this.pin.assertOpen()
    const secret = protocol.decapsulate(platformKey)
    if (!protocol.isAuthentic(secret, Buffer.concat([newPin, hash]), signature)) throw new Refusal('PIN_AUTH_INVALID')
    this.pin.assertIs(protocol.decrypt(secret, hash), () => protocol.regenerate())
    this.pin.set(protocol.decrypt(secret, newPin))
    this.#resetTokens()
  }

  /** Of CTAP 2.0. Later devices give it the two permissions that there were then. */
  #getPinToken(fields: Fields): CborMap {
    if (fields.has(9) || fields.has(10)) throw new Refusal('INVALID_PARAMETER')
    const permissions = this.#options.hasPermissions ? PERMISSION.makeCredential | PERMISSION.getAssertion : EVERY_PERMISSION
    return this.#tokenForPin(fields, { permissions, relyingParty: undefined })
  }

  #getTokenByPin(fields: Fields): CborMap {
    return this.#tokenForPin(fields, this.#permissionsOf(fields))
  }

  #tokenForPin(fields: Fields, allowed: Allowed): CborMap {
    const protocol = this.#protocolOf(fields)
    const [platformKey, hash] = [fields.map(3), fields.bytes(6)]
    this.pin.assertOpen()
    const secret = protocol.decapsulate(platformKey)
    this.pin.assertIs(protocol.decrypt(secret, hash), () => protocol.regenerate())
    this.verification?.unblock()
    return this.#newToken(protocol, secret, { ...allowed, userPresent: false })
  }

  async #getTokenByVerification(fields: Fields, exchange: Exchange): Promise<CborMap> {
    const allowed = this.#permissionsOf(fields)
    const protocol = this.#protocolOf(fields)
    const platformKey = fields.map(3)
    if (this.verification === undefined) throw new Refusal('NOT_ALLOWED')
    const secret = protocol.decapsulate(platformKey)
    exchange.keepAlive('touch')
    this.verification.perform()
    exchange.keepAlive('processing')
    // A finger on the reader is a touch.
    return this.#newToken(protocol, secret, { ...allowed, userPresent: true })
  }

  #getUvRetries(): CborMap {
    if (this.verification === undefined || !this.#options.hasPermissions) throw new Refusal('INVALID_SUBCOMMAND')
    return new Map([[5, this.verification.retries]])
  }

  #permissionsOf(fields: Fields): Allowed {
    if (!this.#options.hasPermissions) throw new Refusal('INVALID_SUBCOMMAND')
    const [permissions, relyingParty] = [fields.integer(9), fields.maybeText(10)]
    if (permissions <= 0) throw new Refusal('INVALID_PARAMETER')
    const offered = PERMISSION.makeCredential | PERMISSION.getAssertion | (this.#options.hasCredentialManagement ? PERMISSION.credentialManagement : 0)
    if ((permissions & ~offered) !== 0) throw new Refusal('UNAUTHORIZED_PERMISSION')
    if ((permissions & (PERMISSION.makeCredential | PERMISSION.getAssertion)) !== 0 && relyingParty === undefined) throw new Refusal('MISSING_PARAMETER')
    return { permissions, relyingParty }
  }

  #newToken(protocol: PinProtocol, secret: Uint8Array, allowed: Allowed & { readonly userPresent: boolean }): CborMap {
    this.#resetTokens()
    this.#token = new PinUvToken(protocol, this.#options.timers, allowed)
    return new Map([[2, protocol.encrypt(secret, protocol.token)]])
  }

  #resetTokens(): void {
    this.#token = undefined
    for (const protocol of this.#protocols) protocol.resetToken()
  }
}

interface Allowed {
  readonly permissions: number
  readonly relyingParty: string | undefined
}
