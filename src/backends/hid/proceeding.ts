import { Fault, IpseError } from '../../core/errors.ts'
import type { Refusal } from '../../core/errors.ts'
import { refuse } from '../../core/protocol.ts'
import { OUTCOME_CODES } from './ceremony.ts'
import type { Ceremony, Outcome, OutcomeCode, Session, Turn } from './ceremony.ts'
import type { Clock, Exchange } from './ctaphid/exchange.ts'
import { after } from './ctaphid/waiting.ts'
import type { OpenDevice } from './open-device.ts'
import type { Asked } from './prompt.ts'
import { UserVerification } from './user-verification.ts'
import type { PinQuestion } from './user-verification.ts'

export interface ProceedingOptions {
  /** How often a PIN is asked for at most. */
  readonly attempts: number
  readonly clock: Clock
  /** Tells the caller of a failure. */
  failed(error: unknown): void
}

/** In milliseconds: how long a device is given to take back what it did. */
const UNDOING = 10_000

/** One ceremony, from when it is wanted until it is over. It says what it comes to, one turn after the other, and goes on by itself but for the PIN, which it waits for. */
export class Proceeding {
  readonly ceremony: Ceremony<void>
  /** Paths of devices that will not do for it. */
  readonly unfit = new Set<string>()
  readonly #options: ProceedingOptions
  readonly #abort = new AbortController()
  readonly #ended = Promise.withResolvers<void>()
  #begun = false
  /** Where it is now; and what was last heard of that. */
  #turn: Turn = { turn: 'working' }
  #known: Turn['turn'] | undefined = 'working'
  #heard: ((turn: Turn) => void) | undefined
  #device: OpenDevice | undefined
  #question: { readonly asked: PinQuestion; readonly answer: PromiseWithResolvers<string> } | undefined
  #outcome: Outcome | undefined

  constructor(ceremony: Ceremony<void>, options: ProceedingOptions) {
    this.ceremony = ceremony
    this.#options = options
  }

  get asked(): Asked {
    return this.ceremony.asked
  }

  get device(): OpenDevice | undefined {
    return this.#device
  }

  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /** Aborts when it is to end. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** The PIN that it waits for. */
  get question(): PinQuestion | undefined {
    return this.#question?.asked
  }

  /** Takes the device that it is performed with. */
  take(device: OpenDevice): void {
    this.#device = device
  }

  /** Begins, with the device taken. Again, it does nothing. */
  begin(): void {
    const device = this.#device
    if (device === undefined || this.#begun) return
    this.#begun = true
    void this.#run(device)
  }

  /** The next turn that it comes to. Rejects when `signal` aborts, and then the turn is there for who asks next. */
  async next(signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Turn>()
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort)
    this.#heard = resolve
    this.#tell()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', abort)
      if (this.#heard === resolve) this.#heard = undefined
    }
  }

  /** The person gave a PIN; `undefined`: they did not want to. */
  answer(pin: string | undefined): void {
    const question = this.#question
    if (question === undefined) return
    this.#question = undefined
    // It may need another one, which is another turn.
    this.#known = undefined
    if (pin === undefined) question.answer.reject(new Fault('denied', 'No PIN was entered'))
    else question.answer.resolve(pin)
  }

  /** Breaks it off: the person, or the one who asks, did not do their part. */
  fail(error: unknown): void {
    this.#abort.abort(error)
  }

  /** Ends it for that reason, unless it comes to an end before; answers what came of it. */
  async end(reason: Refusal<OutcomeCode>): Promise<Outcome> {
    const fault = faultOf(reason)
    this.#abort.abort(fault)
    this.#question?.answer.reject(fault)
    if (!this.#begun) {
      this.#options.failed(fault)
      this.#outcome ??= reason
      await this.#device?.close()
      return this.#outcome
    }
    await this.#ended.promise
    return this.#outcome ?? null
  }

  async #run(device: OpenDevice): Promise<void> {
    const signal = AbortSignal.any([this.#abort.signal, device.gone])
    const verification = new UserVerification(device, { attempts: this.#options.attempts, ask: question => this.#ask(question, signal) })
    try {
      await this.ceremony.perform(this.#session(device, verification, signal))
      this.#outcome = null
    } catch (error) {
      this.#outcome = outcomeOf(error)
      this.#options.failed(error)
    } finally {
      verification.erase()
      await device.close().catch(() => {})
      this.#turn = { turn: 'over', outcome: this.#outcome ?? null }
      this.#tell()
      this.#ended.resolve()
    }
  }

  #session(open: OpenDevice, verification: UserVerification, signal: AbortSignal): Session {
    const { device, authenticator } = open
    const exchange: Exchange = { signal, onKeepAlive: status => this.#come(status === 'touch' ? 'touch' : 'working') }
    const use: Session['use'] = async act => {
      signal.throwIfAborted()
      try {
        return await act(exchange)
      } finally {
        this.#come('working')
      }
    }
    return {
      device, authenticator, signal, use,
      verifyUser: (permissions, relyingParty) => verification.verify(use, permissions, relyingParty),
      undo: work => this.#undo(open, late => work(this.#session(open, verification, late))),
    }
  }

  async #undo({ gone }: OpenDevice, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const over = new AbortController()
    const cancel = after(this.#options.clock, UNDOING, () => over.abort())
    try {
      await work(AbortSignal.any([gone, over.signal]))
    } finally {
      cancel()
    }
  }

  async #ask(asked: PinQuestion, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted()
    const answer = Promise.withResolvers<string>()
    const abort = () => answer.reject(signal.reason)
    signal.addEventListener('abort', abort)
    this.#question = { asked, answer }
    this.#come('pin')
    try {
      return await answer.promise
    } finally {
      signal.removeEventListener('abort', abort)
      this.#question = undefined
      this.#come('working')
    }
  }

  #come(turn: Exclude<Turn['turn'], 'over'>): void {
    this.#turn = { turn }
    this.#tell()
  }

  /** What nobody waited for is forgotten, once it has come to something else: so a device that flickers fills no queue. */
  #tell(): void {
    if (this.#heard === undefined || (this.#turn.turn === this.#known && this.#turn.turn !== 'over')) return
    this.#known = this.#turn.turn
    this.#heard(this.#turn)
    this.#heard = undefined
  }
}

/** What the engine is told of an error. Texts of others may hold anything. */
export function outcomeOf(error: unknown): Refusal<OutcomeCode> {
  if (!(error instanceof IpseError)) return refuse('backend-failed', 'The device could not be driven')
  return refuse(OUTCOME_CODES.find(code => code === error.code) ?? 'backend-failed', error.message)
}

export function faultOf({ code, err }: Refusal<OutcomeCode>): Fault {
  // What was given up has no code of its own among faults.
  return new Fault(code === 'aborted' ? 'backend-failed' : code, err)
}
