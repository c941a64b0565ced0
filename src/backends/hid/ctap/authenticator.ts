import type { RandomBytes } from '../../../crypto/suite.ts'
import type { CtapHid } from '../ctaphid/ctaphid.ts'
import type { Exchange } from '../ctaphid/exchange.ts'
import { Lane } from '../ctaphid/lane.ts'
import { getAssertions } from './assertion.ts'
import type { Assertion, AssertionOptions } from './assertion.ts'
import { ClientPin } from './client-pin.ts'
import type { PinRetries } from './client-pin.ts'
import { COMMAND, sender } from './commands.ts'
import type { Send } from './commands.ts'
import { createCredential } from './creation.ts'
import type { CreatedCredential, CreationOptions } from './creation.ts'
import { CredentialManagement } from './credential-management.ts'
import { readInfo } from './info.ts'
import type { AuthenticatorInfo } from './info.ts'
import type { Permission, PinUvToken } from './pin-token.ts'
import { select } from './selection.ts'

export type { Algorithm } from './info.ts'
export type { Permission, PinUvToken } from './pin-token.ts'

/**
 * A FIDO2 authenticator (CTAP 2.0 and 2.1). All that it sends is checked. Each method is done as a whole before the next begins, in the order of asking, and rejects with
 * the reason of its signal, with what {@link CtapHid} rejects with, and with a Fault for what the device refuses, whose cause is a CtapError.
 */
export class Authenticator {
  readonly #device: CtapHid
  readonly #random: RandomBytes
  readonly #lane = new Lane()
  #info: AuthenticatorInfo

  private constructor(device: CtapHid, random: RandomBytes, info: AuthenticatorInfo) {
    this.#device = device
    this.#random = random
    this.#info = info
  }

  /** Asks the device what it is. */
  static async open(device: CtapHid, { random }: { readonly random: RandomBytes }, exchange: Exchange): Promise<Authenticator> {
    return new Authenticator(device, random, readInfo(await sender(device, undefined, exchange)(COMMAND.getInfo)))
  }

  /** As it was when the device was last asked. */
  get info(): AuthenticatorInfo {
    return this.#info
  }

  /** Asks the device what it is, again. */
  refresh(exchange: Exchange): Promise<void> {
    return this.#alone(exchange, send => this.#look(send))
  }

  /**
   * Exchanges a PIN, or what the device itself verifies the user by, for a token, which the caller erases. `makeCredential` and `getAssertion` need the id of a relying party.
   * Throws `pin-wrong`, `pin-locked`, `pin-missing`, `not-available`, and `denied` where the device does not recognize the user.
   */
  token(by: { readonly pin: string } | 'built-in', permissions: readonly Permission[], relyingParty: string | undefined, exchange: Exchange): Promise<PinUvToken> {
    return this.#alone(exchange, send => by === 'built-in'
      ? this.#pin(send).tokenByUv(permissions, relyingParty)
      : this.#pin(send).tokenByPin(by.pin, permissions, relyingParty))
  }

  /** Throws `pin-missing` where there is no PIN. */
  pinRetries(exchange: Exchange): Promise<PinRetries> {
    return this.#alone(exchange, send => this.#pin(send).pinRetries())
  }

  /** How often the device may still fail to recognize the user. */
  uvRetries(exchange: Exchange): Promise<number> {
    return this.#alone(exchange, send => this.#pin(send).uvRetries())
  }

  /** Gives the device its first PIN. Throws `invalid-argument` for one that it does not take. */
  setPin(pin: string, exchange: Exchange): Promise<void> {
    return this.#alone(exchange, async send => {
      await this.#pin(send).setPin(pin)
      await this.#look(send)
    })
  }

  /** Throws as {@link token} and {@link setPin} do. */
  changePin(from: string, to: string, exchange: Exchange): Promise<void> {
    return this.#alone(exchange, async send => {
      await this.#pin(send).changePin(from, to)
      await this.#look(send)
    })
  }

  makeCredential(options: CreationOptions, exchange: Exchange): Promise<CreatedCredential> {
    return this.#alone(exchange, send => createCredential(send, this.#info, options))
  }

  /** One for each credential that fits, the latest first; at least one. Throws `wrong-device` when the device holds none of them. */
  getAssertions(options: AssertionOptions, exchange: Exchange): Promise<readonly Assertion[]> {
    return this.#alone(exchange, send => getAssertions(send, this.#pin(send), this.#info, options))
  }

  /** Resolves when the device is touched. Throws `denied`, `unanswered`. */
  selection(exchange: Exchange): Promise<void> {
    return this.#alone(exchange, send => select(send, this.#info))
  }

  /** By a token with the permission `credentialManagement`. Throws `not-available`. */
  credentials(token: PinUvToken): CredentialManagement {
    return new CredentialManagement((exchange, work) => this.#alone(exchange, work), this.#info, token)
  }

  /** Erases all credentials and the PIN, after a touch. Devices allow it only within ten seconds of being plugged in. */
  reset(exchange: Exchange): Promise<void> {
    return this.#alone(exchange, async send => {
      await send(COMMAND.reset)
      await this.#look(send)
    })
  }

  #pin(send: Send): ClientPin {
    return new ClientPin(send, this.#info, this.#random)
  }

  async #look(send: Send): Promise<void> {
    this.#info = readInfo(await send(COMMAND.getInfo))
  }

  /** What a device is at ends with the next command, so that no other may come between those that belong together. */
  #alone<T>(exchange: Exchange, work: (send: Send) => Promise<T>): Promise<T> {
    return this.#lane.run(exchange.signal, () => work(sender(this.#device, this.#info, exchange)))
  }
}
