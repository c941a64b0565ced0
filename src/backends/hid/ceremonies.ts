import { bytesToHex } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'
import type { Refusal } from '../../core/errors.ts'
import { refuse } from '../../core/protocol.ts'
import { draw } from '../../crypto/random.ts'
import type { Ceremony, Devices, Opened, Outcome, OutcomeCode, Presence, Session, Turn } from './ceremony.ts'
import type { HidDevice } from './hid.ts'
import { heldBy, openDevice } from './open-device.ts'
import type { DeviceSources, OpenDevice } from './open-device.ts'
import { Plugged } from './plugged.ts'
import { Proceeding, outcomeOf } from './proceeding.ts'
import type { Prompt, Shown } from './prompt.ts'
import { Touches } from './touches.ts'

export interface CeremoniesOptions extends DeviceSources {
  readonly prompt: Prompt
  /** Milliseconds between two looks at what is plugged in: 500 unless told. */
  readonly poll?: number
  /** How often a PIN is asked for in one ceremony, before it fails with `pin-wrong`: 3 unless told. */
  readonly attempts?: number
}

/** A ceremony that waits for its turn. */
export interface Added<T> {
  /** What the engine calls it. */
  readonly id: string
  readonly result: Promise<T>
}

const UNKNOWN = refuse('backend-failed', 'There is no such ceremony: it is over')
const WRONG_DEVICE = refuse('wrong-device', 'None of the devices that are plugged in holds this identity\'s credential: plug in the one that it was made on, or one that was enrolled for it')

/** What is to be done with devices, and the person in front of them: the side effects of the engine `security-key`. */
export class Ceremonies implements Devices {
  readonly #options: CeremoniesOptions
  readonly #plugged: Plugged
  readonly #proceedings = new Map<string, Proceeding>()
  /** Devices that are open until one of them is chosen. */
  readonly #candidates = new Map<string, readonly OpenDevice[]>()
  /** What is being opened, or chosen: when that ends, its devices are closed. */
  #opening: Promise<unknown> = Promise.resolve()
  /** Ends what the engine asked for in a state that it has left: it hears nothing of that any more, and nobody tells. */
  #state = new AbortController()

  constructor(options: CeremoniesOptions) {
    this.#options = options
    this.#plugged = new Plugged(options)
  }

  add<T>(ceremony: Ceremony<T>): Added<T> {
    // Nobody can guess it, and have another's ceremony performed or cancelled.
    const id = bytesToHex(draw(this.#options.random, 16))
    const { promise: result, resolve, reject } = Promise.withResolvers<T>()
    // Whoever asked hears of it, or is gone.
    result.catch(() => {})
    const { asked, credentials } = ceremony
    const perform = async (session: Session) => resolve(await ceremony.perform(session))
    this.#proceedings.set(id, new Proceeding({ asked, ...credentials && { credentials }, perform }, { attempts: this.#options.attempts ?? 3, clock: this.#options.clock, failed: reject }))
    return { id, result }
  }

  /** Nobody asks for it any more: what it is still at, it ends. */
  async drop(id: string): Promise<void> {
    await this.#closeCandidates(id)
    await this.#proceedings.get(id)?.end(refuse('aborted', 'Whoever asked for this waits no more'))
    this.#proceedings.delete(id)
  }

  async close(): Promise<void> {
    this.#leave()
    await Promise.all(Array.from(this.#proceedings.keys(), id => this.drop(id)))
    this.#plugged.close()
  }

  presence(next: string | null): Promise<Presence> {
    this.#leave()
    return this.#plugged.presence(this.#unfitFor(next))
  }

  change(known: Presence, next: string | null, signal: AbortSignal): Promise<Presence> {
    return this.#plugged.change(known, this.#unfitFor(next), this.#enter(signal))
  }

  open(id: string, signal: AbortSignal): Promise<Opened> {
    return this.#while(this.#open(id, this.#enter(signal)))
  }

  choose(id: string, signal: AbortSignal): Promise<Opened> {
    return this.#while(this.#choose(id, this.#enter(signal)))
  }

  async #open(id: string, signal: AbortSignal): Promise<Opened> {
    const proceeding = this.#proceedings.get(id)
    if (proceeding === undefined) return { opened: 'failed', outcome: UNKNOWN }
    // Then there is no more to it than what came of it.
    if (proceeding.outcome !== undefined) return { opened: 'one' }
    const until = AbortSignal.any([signal, proceeding.signal])
    const fit: OpenDevice[] = []
    let isOther = false
    let problem: Refusal<OutcomeCode> | undefined
    try {
      for (const device of await this.#plugged.usable(proceeding.unfit)) {
        // oxlint-disable-next-line no-await-in-loop -- a person at several devices is asked by none of them yet
        const tried = await this.#tryDevice(proceeding, device, until)
        if (tried === 'other') isOther = true
        else if (tried !== 'gone' && 'code' in tried) problem ??= tried
        else if (tried !== 'gone') fit.push(tried)
      }
      until.throwIfAborted()
      const [first, second] = fit
      if (first === undefined) {
        if (isOther && proceeding.ceremony.credentials?.device === 'holds') problem ??= WRONG_DEVICE
        return problem === undefined ? { opened: 'absent' } : { opened: 'failed', outcome: problem }
      }
      if (second === undefined) proceeding.take(first)
      else this.#candidates.set(id, fit)
      return { opened: second === undefined ? 'one' : 'several' }
    } catch (error) {
      await closeAll(fit)
      return { opened: 'failed', outcome: outcomeOf(error) }
    }
  }

  async #choose(id: string, signal: AbortSignal): Promise<Opened> {
    const proceeding = this.#proceedings.get(id)
    const candidates = this.#candidates.get(id) ?? []
    this.#candidates.delete(id)
    if (proceeding === undefined || candidates.length === 0) return { opened: 'failed', outcome: UNKNOWN }
    const over = new AbortController()
    const until = AbortSignal.any([signal, proceeding.signal, over.signal])
    const touches = new Touches(candidates, until)
    const asked = { ...proceeding.asked, devices: candidates.map(({ device }) => device) }
    try {
      const chosen = await Promise.race([touches.first, denied(() => this.#options.prompt.choose(asked, until))])
      until.throwIfAborted()
      proceeding.take(chosen)
      return { opened: 'one' }
    } catch (error) {
      return { opened: 'failed', outcome: outcomeOf(error) }
    } finally {
      over.abort()
      await touches.ended
      await closeAll(candidates.filter(one => one !== proceeding.device))
    }
  }

  async proceed(id: string, signal: AbortSignal): Promise<Turn> {
    const proceeding = this.#proceedings.get(id)
    if (proceeding === undefined) return { turn: 'over', outcome: UNKNOWN }
    proceeding.begin()
    return this.#heed(proceeding, await proceeding.next(this.#enter(signal)))
  }

  async awaitTouch(id: string, signal: AbortSignal): Promise<Turn> {
    return this.#asking(id, signal, ({ asked, device }, over) => device && denied(() => this.#options.prompt.touch({ ...asked, device: device.device }, over)))
  }

  async askPin(id: string, signal: AbortSignal): Promise<Turn> {
    return this.#asking(id, signal, async (proceeding, over) => {
      const { asked, device, question } = proceeding
      if (device === undefined || question === undefined) return
      proceeding.answer(await this.#options.prompt.pin({ ...asked, ...question, device: device.device }, over))
    })
  }

  async askInsert(id: string, signal: AbortSignal): Promise<'denied'> {
    // Beside `change`, in the same state.
    const here = AbortSignal.any([signal, this.#state.signal])
    const proceeding = this.#proceedings.get(id)
    if (proceeding !== undefined && await this.#options.prompt.insert(proceeding.asked, here) === 'denied') return 'denied'
    return untilAborted(here)
  }

  async end(id: string, reason: Refusal<OutcomeCode>): Promise<Outcome> {
    this.#leave()
    await this.#opening
    const proceeding = this.#proceedings.get(id)
    await this.#closeCandidates(id)
    return proceeding === undefined ? reason : this.#over(proceeding, await proceeding.end(reason))
  }

  #unfitFor(next: string | null): Set<string> | undefined {
    return next === null ? undefined : this.#proceedings.get(next)?.unfit
  }

  async #closeCandidates(id: string): Promise<void> {
    const candidates = this.#candidates.get(id) ?? []
    this.#candidates.delete(id)
    await closeAll(candidates)
  }

  #while(opening: Promise<Opened>): Promise<Opened> {
    this.#opening = opening.catch(() => {})
    return opening
  }

  #leave(): void {
    this.#state.abort(new Fault('backend-failed', 'The engine is in another state by now'))
    this.#state = new AbortController()
  }

  #enter(signal: AbortSignal): AbortSignal {
    this.#leave()
    return AbortSignal.any([signal, this.#state.signal])
  }

  /** Shows a question for as long as the ceremony stands still for it. */
  async #asking(id: string, signal: AbortSignal, ask: (proceeding: Proceeding, over: AbortSignal) => Promise<unknown> | undefined): Promise<Turn> {
    const proceeding = this.#proceedings.get(id)
    if (proceeding === undefined) return { turn: 'over', outcome: UNKNOWN }
    const over = new AbortController()
    const here = this.#enter(signal)
    try {
      const next = proceeding.next(here)
      next.catch(() => {})
      const until = AbortSignal.any([here, over.signal])
      // One that fails is as one that nobody answers, but says at once that it is; unless it was over before.
      const asked = ask(proceeding, until)?.catch((error: unknown) => until.aborted || proceeding.fail(error))
      void asked
      return await this.#heed(proceeding, await next)
    } finally {
      over.abort()
    }
  }

  async #heed(proceeding: Proceeding, turn: Turn): Promise<Turn> {
    if (turn.turn === 'over') await this.#over(proceeding, turn.outcome)
    return turn
  }

  async #over({ device }: Proceeding, outcome: Outcome): Promise<Outcome> {
    if (device !== undefined && outcome?.code === 'pin-locked') await this.#plugged.lock(device.device)
    return outcome
  }

  /** The device, open, if it will do; or why it can't be used. `other`: it holds something else than it must. One that is unplugged meanwhile will not do either, and holds up nothing. */
  async #tryDevice({ ceremony: { credentials }, unfit }: Proceeding, device: HidDevice, signal: AbortSignal): Promise<OpenDevice | Refusal<OutcomeCode> | 'other' | 'gone'> {
    let open: OpenDevice | undefined
    try {
      open = await openDevice(device, this.#options, signal)
      if (credentials === undefined || (await heldBy(open, credentials.relyingParty, credentials.ids, signal) !== undefined) === (credentials.device === 'holds')) return open
      await open.close()
      unfit.add(device.path)
      return 'other'
    } catch (error) {
      await open?.close()
      if (signal.aborted) throw error
      const problem = outcomeOf(error)
      if (problem.code !== 'device-gone') return problem
      unfit.add(device.path)
      return 'gone'
    }
  }
}

/** Rejects when the person says so, and never answers. */
async function denied(show: () => Shown): Promise<never> {
  if (await show() === 'denied') throw new Fault('denied', 'The person who was asked did not want it')
  return new Promise<never>(() => {})
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
  })
}

async function closeAll(devices: readonly OpenDevice[]): Promise<void> {
  await Promise.all(devices.map(device => device.close().catch(() => {})))
}
