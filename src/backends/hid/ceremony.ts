import type { Refusal } from '../../core/errors.ts'
import type { Authenticator, Permission, PinUvToken } from './ctap/authenticator.ts'
import type { Exchange } from './ctaphid/exchange.ts'
import type { HidDevice } from './hid.ts'
import type { Asked } from './prompt.ts'

/** What is to be done with a device, by whom it is wanted, and with which device. What it answers goes to its caller alone, through no engine. */
export interface Ceremony<T> {
  readonly asked: Asked
  /** The device must hold one of these credentials, or with `lacks` none of them. Any device will do unless told. */
  readonly credentials?: Credentials
  /** Called once at most. */
  perform(session: Session): Promise<T>
}

/** Credentials by which a device is chosen. */
export interface Credentials {
  readonly relyingParty: string
  readonly ids: readonly Uint8Array[]
  /**
   * `holds`: when none of the devices does, the ceremony fails with `wrong-device`. `lacks`: it waits for one that does not, since both may have to go into
   * one socket.
   */
  readonly device: 'holds' | 'lacks'
}

/** A ceremony's use of its device, until it ends. */
export interface Session {
  readonly device: HidDevice
  readonly authenticator: Authenticator
  /** Aborts when nobody waits for the ceremony any more, and when the device is gone. */
  readonly signal: AbortSignal
  /** All use of the authenticator goes through here, so that whoever looks on knows when it waits for a touch. */
  use<T>(act: (exchange: Exchange) => Promise<T>): Promise<T>
  /**
   * Has the user verified: by the device itself where it can, else by PIN, which is asked for once in a ceremony. The token serves one command that needs a touch.
   * Rejects with `pin-missing`, `pin-wrong`, `pin-locked`, `denied`, `not-available`.
   */
  verifyUser(permissions: readonly [Permission, ...Permission[]], relyingParty?: string): Promise<Verified>
  /** Takes back what the device did, with a session that outlasts those who wait for the ceremony: for seconds, in which no PIN is asked for any more. */
  undo(work: (session: Session) => Promise<void>): Promise<void>
}

/** How a command says that the user is verified: what `makeCredential` and `getAssertions` take. */
export type Verified = { readonly token: PinUvToken } | { readonly userVerification: 'built-in' }

/** How a ceremony ended, as the engine tells it: it succeeded, or why not. */
export type Outcome = null | Refusal<OutcomeCode>

/** The codes of what comes of a ceremony. */
export const OUTCOME_CODES = [
  'aborted', 'backend-failed', 'counter-behind', 'denied', 'device-absent', 'device-busy', 'device-gone', 'device-unavailable', 'invalid-argument', 'not-available', 'pin-locked', 'pin-missing', 'pin-wrong', 'unanswered',
  'wrong-device',
] as const
export type OutcomeCode = (typeof OUTCOME_CODES)[number]

/** What a ceremony comes to next: the device works, waits for a touch, needs a PIN from the person; or it is over. */
export type Turn = { readonly turn: 'working' | 'touch' | 'pin' } | Over
export interface Over { readonly turn: 'over'; readonly outcome: Outcome }

/** How many devices are there, and how many of them could serve what waits. */
export interface Presence {
  readonly present: number
  /** Not locked, and not known to be unfit for the ceremony that is next. */
  readonly usable: number
  /** Those that take no PIN any more. */
  readonly locked: number
  /** Why the machine can't be asked for its devices. */
  readonly problem: Refusal<OutcomeCode> | null
}

/**
 * The side effects of the engine `security-key`: it says when, and this does it. Ceremonies are named by what `Ceremonies.add` gave. Nothing here rejects but by
 * `signal`: what fails is an outcome.
 */
export interface Devices {
  /** Which devices are there, for the ceremony that is next. */
  presence(next: string | null, signal: AbortSignal): Promise<Presence>
  /** Answers when that is something else than it was. */
  change(known: Presence, next: string | null, signal: AbortSignal): Promise<Presence>
  /** Opens the device that is to be used. `absent`: there is none that will do. `several`: the person has to choose. */
  open(ceremony: string, signal: AbortSignal): Promise<Opened>
  /** The person touches one of several. */
  choose(ceremony: string, signal: AbortSignal): Promise<Exclude<Opened, { readonly opened: 'several' | 'absent' }>>
  /** Begins the ceremony, or goes on with it, and answers when it comes to something that the engine has to know. */
  proceed(ceremony: string, signal: AbortSignal): Promise<Turn>
  /** As `proceed`, while the person is asked to touch the device. */
  awaitTouch(ceremony: string, signal: AbortSignal): Promise<Turn>
  /** As `proceed`, once the person gave the PIN. */
  askPin(ceremony: string, signal: AbortSignal): Promise<Turn>
  /** Asks for a device. Answers when the person does not want to plug one in. */
  askInsert(ceremony: string, signal: AbortSignal): Promise<'denied'>
  /** Ends the ceremony, whatever it is at, for that reason. Answers what came of it after all. */
  end(ceremony: string, reason: Refusal<OutcomeCode>): Promise<Outcome>
}

export type Opened = { readonly opened: 'one' | 'several' | 'absent' } | { readonly opened: 'failed'; readonly outcome: Refusal<OutcomeCode> }
