import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { simulate } from '../../../src/simulation.ts'
import type { Asked, PinAsked, Prompt } from '../../../src/hid.ts'
import { encryptTo } from '../../../src/crypto/ciphertext.ts'
import { verifyCommitment } from '../../../src/crypto/commitment.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import { PATIENCE, PIN, simulatedWorld } from './hids.ts'

const data = new TextEncoder().encode('what is signed')

type Act =
  | { readonly act: 'sign' | 'decrypt' | 'generate' | 'touch' | 'deny' | 'pin' | 'wrong pin' | 'no pin' }
  | { readonly act: 'plug' | 'unplug'; readonly device: number }
  | { readonly act: 'cancel'; readonly request: number }
  | { readonly act: 'sleep'; readonly ms: number }

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ act: fc.constantFrom('sign', 'decrypt', 'generate', 'touch', 'deny', 'pin', 'wrong pin', 'no pin') }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constantFrom('plug', 'unplug'), device: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('cancel' as const), request: fc.nat(5) }) },
  { weight: 5, arbitrary: fc.record({ act: fc.constant('sleep' as const), ms: fc.constantFrom(0, 1, 3, 10, 60, 600, 5_000, PATIENCE + 1_000) }) },
)

/** Somebody who does nothing until they are made to; or everything at once. */
class Puppet implements Prompt {
  isWilling = true
  readonly problems: string[] = []
  readonly open = new Set<string>()
  readonly touches: ((isTouched: boolean) => void)[] = []
  readonly pins: ((pin: string | undefined) => void)[] = []

  insert(_: Asked, signal: AbortSignal): void {
    this.#shown('insert', signal)
  }

  choose(_: Asked, signal: AbortSignal): void {
    this.#shown('choose', signal)
  }

  touch(_: Asked, signal: AbortSignal): void {
    this.#shown('touch', signal)
  }

  pin(_: PinAsked, signal: AbortSignal): Promise<string | undefined> {
    this.#shown('pin', signal)
    return this.isWilling ? Promise.resolve(PIN) : new Promise(resolve => void this.pins.push(resolve))
  }

  readonly touched = (): boolean | Promise<boolean> => this.isWilling || new Promise(resolve => void this.touches.push(resolve))

  answerAll(): void {
    this.isWilling = true
    for (const touch of this.touches.splice(0)) touch(true)
    for (const give of this.pins.splice(0)) give(PIN)
  }

  #shown(question: string, signal: AbortSignal): void {
    if (signal.aborted) this.problems.push(`${question} was asked when it was over`)
    if (this.open.size > 0) this.problems.push(`${question} was asked beside ${[...this.open].join()}`)
    this.open.add(question)
    signal.addEventListener('abort', () => void this.open.delete(question))
  }
}

/** Which state may follow which. */
const NEXT: { readonly [state: string]: readonly string[] } = {
  absent: ['ready', 'locked', 'absent'], ready: ['busy', 'absent', 'locked', 'ready'], busy: ['touch', 'pin', 'gone', 'ready', 'absent', 'locked'], touch: ['busy', 'pin', 'gone'],
  pin: ['busy', 'touch', 'gone'], gone: ['ready', 'absent', 'locked'], locked: ['ready', 'absent', 'locked'],
}
const CODES = new Set(['signed', 'backend-failed', 'denied', 'device-absent', 'device-busy', 'device-gone', 'pin-locked', 'pin-wrong', 'unanswered', 'wrong-device'])

async function play(acts: readonly Act[], seed: number): Promise<void> {
  const sim = simulate({ seed })
  await sim.run(async () => {
    const person = new Puppet()
    const { node, hid, devices, seen, states, timers } = await simulatedWorld(sim, person)
    // The first two hold the identity, the third does not.
    const authenticators = Array.from({ length: 3 }, (_, i) => new SoftwareAuthenticator({ timers, touch: person.touched, ...i === 1 ? { builtInUv: true } : { pin: PIN } }))
    const paths = new Map<number, string>()
    const plug = (device: number) => {
      const authenticator = authenticators[device]
      if (authenticator !== undefined && !paths.has(device)) paths.set(device, devices.plug(authenticator))
    }
    const unplug = (device: number) => {
      const path = paths.get(device)
      if (path !== undefined) devices.unplug(path)
      paths.delete(device)
    }
    const { signal } = new AbortController()
    plug(0)
    const identity = await hid.backend.generate({ key: 'first', params: 'P256', capabilities: 'CommitAndDecrypt' }, signal)
    plug(1)
    await hid.enrol(identity)
    unplug(1)
    const [signer, decryptor] = [await hid.backend.signer(identity, signal), await hid.backend.decryptor(identity, signal)]
    const ciphertext = await encryptTo(identity, data)
    await sim.sleep(1_000)
    person.isWilling = false

    const requests: { readonly abort: AbortController; readonly end: Promise<string>; settled: number }[] = []
    const begin = (work: (until: AbortSignal) => Promise<boolean>) => {
      const abort = new AbortController()
      const request = { abort, settled: 0, end: work(abort.signal).then(isGood => isGood ? 'signed' : 'nonsense', (error: { code?: string }) => error.code ?? String(error)) }
      void request.end.then(() => { request.settled++ })
      requests.push(request)
    }
    const perform = async (one: Act): Promise<void> => {
      switch (one.act) {
        case 'sign': return begin(async until => verifyCommitment(identity, data, await signer.sign(data, until)))
        case 'decrypt': return begin(async until => Buffer.from(data).equals(Buffer.from(await decryptor.decrypt(ciphertext, until) as Uint8Array)))
        case 'generate': return begin(async until => (await hid.backend.generate({ key: `k${requests.length}`, params: 'Ed25519', capabilities: 'Commit' }, until)).node === null)
        case 'touch': return person.touches.shift()?.(true)
        case 'deny': return person.touches.shift()?.(false)
        case 'pin': return person.pins.shift()?.(PIN)
        case 'wrong pin': return person.pins.shift()?.('wrong pin')
        case 'no pin': return person.pins.shift()?.(undefined)
        case 'plug': return plug(one.device)
        case 'unplug': return unplug(one.device)
        case 'cancel': return requests[one.request]?.abort.abort()
        case 'sleep': return sim.sleep(one.ms)
      }
    }
    for (const one of acts) await perform(one)

    // Somebody does all that is asked for: everything comes to an end.
    person.answerAll()
    const ends = Promise.all(requests.map(({ end }) => end))
    const begun = sim.time
    expect((await ends).filter(end => !CODES.has(end))).toEqual([])
    expect(sim.time - begun).toBeLessThan(2 * PATIENCE + 60_000)
    await sim.sleep(3_000)
    expect(requests.filter(({ settled }) => settled !== 1)).toEqual([])
    expect([...person.open]).toEqual([])
    expect(person.problems).toEqual([])
    const shown = states()
    expect(shown.filter((state, i) => i > 0 && !NEXT[shown[i - 1] ?? '']?.includes(state))).toEqual([])
    expect(['ready', 'absent', 'locked']).toContain(shown.at(-1))
    expect(seen.filter(({ kind }) => kind === 'dead-letter' || kind === 'restarted')).toEqual([])

    // And afterwards all is as at first.
    for (const device of [0, 1, 2]) unplug(device)
    await sim.sleep(1_000)
    authenticators.forEach((_, device) => plug(device))
    const last = await Promise.resolve(hid.backend.generate({ key: 'last', params: 'P256', capabilities: 'Decrypt' }, signal)).catch((error: { code?: string }) => error.code)
    // The PIN may have been wrong too often.
    expect(typeof last === 'object' || last === 'pin-locked').toBe(true)
    await hid.close()
    await node.stop()
  })
}

describe('S88: devices', () => {
  const runs = Number(process.env['IPSE_RUNS'] ?? 25)
  test('that are plugged in and out, touched or not, while requests wait: every request ends once, and what is shown is what happens', async () => {
    await fc.assert(fc.asyncProperty(fc.array(act, { maxLength: 40, size: 'max' }), fc.nat(), play), { numRuns: runs, interruptAfterTimeLimit: 600_000 })
  }, 900_000)
})
