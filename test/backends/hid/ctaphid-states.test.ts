import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CtapHid } from '../../../src/backends/hid/ctaphid/ctaphid.ts'
import { Fault } from '../../../src/core/errors.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { ManualClock } from './manual-clock.ts'
import { BROADCAST, CANCEL, CBOR, ERROR, framed, INIT, KEEPALIVE, PING, ScriptedDevice } from './scripted-device.ts'
import type { Heard } from './scripted-device.ts'

const [BUSY, INVALID_CHANNEL] = [0x06, 0x0b]
const FOREIGN = 0x5ec2e7

/** What may be heard at any time, and means nothing to us. */
const NOISE: Readonly<Record<string, (device: ScriptedDevice) => void>> = {
  'a response to somebody else': device => device.send(FOREIGN, CBOR, Buffer.alloc(200, 'foreign')),
  'the middle of one': device => framed(FOREIGN, CBOR, Buffer.alloc(200, 'foreign')).slice(1).forEach(report => device.raw(report)),
  'a keep-alive for somebody else': device => device.send(FOREIGN, KEEPALIVE, Uint8Array.of(2)),
  'an error for somebody else': device => device.send(FOREIGN, ERROR, Uint8Array.of(BUSY)),
  'a channel for somebody else': device => device.welcome({ channel: BROADCAST, command: INIT, data: Buffer.alloc(8, 'foreign') }, FOREIGN),
}

/** What is heard on our channel while the device works. */
const BEFORE: Readonly<Record<string, (device: ScriptedDevice, channel: number) => void>> = {
  ...NOISE,
  processing: (device, channel) => device.send(channel, KEEPALIVE, Uint8Array.of(1)),
  touch: (device, channel) => device.send(channel, KEEPALIVE, Uint8Array.of(2)),
  'a part of nothing': (device, channel) => framed(channel, CBOR, Buffer.alloc(200, 'foreign')).slice(2, 3).forEach(report => device.raw(report)),
}

const noise = fc.constantFrom(...Object.values(NOISE))
const step = fc.record({
  size: fc.oneof(fc.nat(200), fc.constantFrom(56, 57, 115, 116, 7608)),
  before: fc.array(fc.constantFrom(...Object.values(BEFORE)), { maxLength: 4 }),
  between: fc.array(noise, { maxLength: 3 }),
  busy: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(12)),
  isStale: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
  end: fc.oneof({ weight: 4, arbitrary: fc.constant('response') }, fc.constantFrom('error', 'silence', 'another command', 'a part left out', 'too long', 'odd report', 'half')),
  abort: fc.oneof({ weight: 4, arbitrary: fc.constant('never') }, fc.constantFrom('queued', 'working', 'working, and is not heard', 'working, and is too late')),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const dataOf = (index: number, { size }: Step) => createHash('shake256', { outputLength: size + 1 }).update(String(index)).digest()

/** A device that goes by a script: one step for each request, named by its first byte. */
class Player {
  readonly device = new ScriptedDevice()
  readonly #steps: readonly Step[]
  readonly #controllers: readonly AbortController[]
  readonly #clock: ManualClock
  readonly #attempts = new Map<number, { busy: number; stale: number }>()
  #working: { readonly index: number; readonly channel: number } | undefined

  constructor(steps: readonly Step[], controllers: readonly AbortController[], clock: ManualClock) {
    this.#clock = clock
    this.#steps = steps
    this.#controllers = controllers
    this.device.onMessage = message => this.#take(message)
    this.device.onInit = () => {
      this.#working = undefined
      return false
    }
  }

  #take({ channel, command, data }: Heard): void {
    if (command === CANCEL) {
      const { index } = this.#working ?? { index: -1 }
      const step = this.#steps[index]
      if (step?.abort === 'working') this.device.send(channel, CBOR, Uint8Array.of(0x2d))
      if (step?.abort === 'working, and is too late') this.device.send(channel, CBOR, dataOf(index, step))
      if (step?.abort !== 'working, and is not heard') this.#working = undefined
      return
    }
    expect([this.#working, command]).toEqual([undefined, CBOR])
    const [index = 0] = data
    const step = this.#steps[index]
    if (step === undefined) throw new Error('Not of this script')
    for (const make of step.between) make(this.device)
    const attempt = this.#attempts.get(index) ?? { busy: 0, stale: 0 }
    this.#attempts.set(index, attempt)
    if (attempt.busy < step.busy) {
      attempt.busy++
      this.device.send(channel, ERROR, Uint8Array.of(BUSY))
    } else if (step.isStale && attempt.stale++ === 0) this.device.send(channel, ERROR, Uint8Array.of(INVALID_CHANNEL))
    else this.#work(index, step, channel)
  }

  #work(index: number, step: Step, channel: number): void {
    this.#working = { index, channel }
    for (const make of step.before) make(this.device, channel)
    if (step.abort.startsWith('working')) {
      this.#clock.wake(this.#clock.now() + 100, () => this.#controllers[index]?.abort(new Error(`aborted ${index}`)))
      return
    }
    const reports = framed(channel, CBOR, dataOf(index, step))
    if (step.end === 'silence') return
    if (step.end === 'half') reports.splice(reports.length / 2)
    if (step.end === 'a part left out') reports.splice(reports.length / 2, 1)
    for (const [i, report] of step.end === 'response' || step.end === 'half' || step.end === 'a part left out' ? reports.entries() : []) {
      this.device.raw(report)
      if (i < 5) for (const make of step.between) make(this.device)
    }
    if (step.end === 'error') this.device.send(channel, ERROR, Uint8Array.of(0x7f))
    if (step.end === 'another command') this.device.send(channel, PING, Uint8Array.of(1))
    if (step.end === 'too long') this.device.raw(framed(channel, CBOR, new Uint8Array(57), 7610)[0] ?? new Uint8Array())
    if (step.end === 'odd report') this.device.raw(new Uint8Array(63))
    // After all but these it has to be told by INIT that it is not at it any more.
    if (step.end === 'response' || step.end === 'error') this.#working = undefined
  }
}

test('whatever a device does, each request ends once and as it should, and no answer comes to another', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async steps => {
    const controllers = steps.map(() => new AbortController())
    const clock = new ManualClock()
    const player = new Player(steps, controllers, clock)
    const hid = await clock.through(CtapHid.open(player.device, { random: randomBytes, clock }, new AbortController().signal))
    const ended: number[] = []
    const requests = steps.map((_, index) => hid.cbor(Buffer.alloc(1 + index * 40, index), { signal: controllers[index]?.signal ?? new AbortController().signal }).finally(() => ended.push(index)))
    const isQueued = (index: number) => steps[index]?.abort === 'queued' && index > 0
    steps.forEach((_, index) => { if (isQueued(index)) controllers[index]?.abort(new Error(`aborted ${index}`)) })
    const outcomes = await clock.through(Promise.allSettled(requests))
    for (const [index, outcome] of outcomes.entries()) {
      const wanted = steps[index]
      if (wanted === undefined) continue
      const reason: unknown = outcome.status === 'rejected' ? outcome.reason : undefined
      if (isQueued(index)) expect(reason).toMatchObject({ message: `aborted ${index}` })
      else if (wanted.busy > 10) expect(reason).toMatchObject({ code: 'device-busy' })
      else if (wanted.abort.startsWith('working')) expect(reason).toMatchObject({ message: `aborted ${index}` })
      else if (wanted.end === 'response') expect(outcome).toEqual({ status: 'fulfilled', value: Uint8Array.from(dataOf(index, wanted)) })
      else expect([reason instanceof Fault, reason]).toMatchObject([true, { code: 'backend-failed' }])
    }
    const inTurn = ended.filter(index => !isQueued(index))
    expect(inTurn).toEqual(inTurn.toSorted((a, b) => a - b))
    expect(clock.alarms).toBe(0)
    await hid.close()
  }), { numRuns: 400 })
})
