import { Fault } from '../../core/errors.ts'
import type { Session, Verified } from './ceremony.ts'
import type { Permission, PinUvToken } from './ctap/authenticator.ts'
import { LONGEST_PIN } from './ctap/client-pin.ts'
import { statusOf, UV_BLOCKED } from './ctap/status.ts'
import type { OpenDevice } from './open-device.ts'
import type { PinAsked } from './prompt.ts'

/** What a PIN is asked for with. */
export type PinQuestion = Pick<PinAsked, 'retries' | 'problem'>

interface Asking {
  /** How often a PIN is asked for, in one ceremony. */
  readonly attempts: number
  ask(question: PinQuestion): Promise<string>
}

/** Who uses the device is verified, by the device itself where it can, else by PIN. That is asked for once in a ceremony, and never given to the device again once that found it wrong. */
export class UserVerification {
  readonly #device: OpenDevice
  readonly #asking: Asking
  readonly #tokens: PinUvToken[] = []
  #pin: string | undefined

  constructor(device: OpenDevice, asking: Asking) {
    this.#device = device
    this.#asking = asking
  }

  /** See `Session.verifyUser`. */
  async verify(use: Session['use'], permissions: readonly [Permission, ...Permission[]], relyingParty: string | undefined): Promise<Verified> {
    const { authenticator: { info } } = this.#device
    const hasPin = info.options.get('clientPin') === true
    if (info.options.get('uv') === true && this.#pin === undefined) {
      const hasTokens = info.options.get('pinUvAuthToken') === true
      // What it keeps, a device of CTAP 2.0 manages by a token alone, which it gives for its PIN.
      if (!hasTokens && !(hasPin && permissions.includes('credentialManagement'))) return { userVerification: 'built-in' }
      try {
        if (hasTokens) return await this.#token(use, 'built-in', permissions, relyingParty)
      } catch (error) {
        if (!(hasPin && statusOf(error) === UV_BLOCKED)) throw error
      }
    }
    if (!hasPin) throw new Fault('pin-missing', 'The device has neither a PIN nor another way to verify its user: set a PIN on it first')
    if (info.forcePinChange) throw new Fault('pin-missing', 'The PIN of the device must be changed before it is used: set another PIN on it first')
    if (this.#pin !== undefined) return this.#token(use, { pin: this.#pin }, permissions, relyingParty)
    return this.#byPin(use, permissions, relyingParty)
  }

  /** Forgets the PIN and the tokens. */
  erase(): void {
    this.#pin = undefined
    for (const token of this.#tokens) token.erase()
  }

  async #byPin(use: Session['use'], permissions: readonly Permission[], relyingParty: string | undefined): Promise<Verified> {
    const { authenticator } = this.#device
    let problem: PinAsked['problem']
    for (let left = this.#asking.attempts; ; left--) {
      // oxlint-disable-next-line no-await-in-loop -- each attempt is told how many are left
      const { retries, powerCycle } = await use(exchange => authenticator.pinRetries(exchange))
      if (retries === 0 || powerCycle) throw lockedOut(powerCycle)
      if (left === 0) throw new Fault('pin-wrong', `The PIN was wrong, and the device takes ${retries} more: ask again, with the right one`)
      // oxlint-disable-next-line no-await-in-loop -- nobody is asked for two PINs at a time
      const pin = (await this.#asking.ask({ retries, ...problem !== undefined && { problem } })).normalize('NFC')
      problem = this.#misfit(pin)
      if (problem !== undefined) continue
      try {
        // oxlint-disable-next-line no-await-in-loop -- one PIN after the other
        const verified = await this.#token(use, { pin }, permissions, relyingParty)
        this.#pin = pin
        return verified
      } catch (error) {
        if (!(error instanceof Fault && error.code === 'pin-wrong')) throw error
        problem = 'wrong'
      }
    }
  }

  /** What the device would count as a wrong PIN, although it can be none. */
  #misfit(pin: string): PinAsked['problem'] {
    if (Array.from(pin).length < this.#device.authenticator.info.minPinLength) return 'too-short'
    return new TextEncoder().encode(pin).length > LONGEST_PIN ? 'too-long' : undefined
  }

  async #token(use: Session['use'], by: { readonly pin: string } | 'built-in', permissions: readonly Permission[], relyingParty: string | undefined): Promise<Verified> {
    const token = await use(exchange => this.#device.authenticator.token(by, permissions, relyingParty, exchange))
    this.#tokens.push(token)
    return { token }
  }
}

function lockedOut(powerCycle: boolean): Fault {
  return new Fault('pin-locked', powerCycle ? 'Too many wrong PINs in a row: unplug the device, and plug it in again' : 'Too many wrong PINs: the device must be reset, which erases it')
}
