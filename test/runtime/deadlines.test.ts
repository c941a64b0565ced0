import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Host } from '../../src/core/clock.ts'
import { Deadline, Deadlines } from '../../src/runtime/deadlines.ts'
import { platformHost } from '../../src/runtime/platform.ts'

class Named extends Deadline {
  readonly name: number
  readonly #log: [number, number][]
  readonly #now: () => number

  constructor(name: number, log: [number, number][], now: () => number) {
    super()
    this.name = name
    this.#log = log
    this.#now = now
  }

  override elapse(): void {
    this.#log.push([this.name, this.#now()])
  }
}

/** A host with a clock that the test moves, and an alarm at most. */
function clockwork() {
  let time = 0
  let alarm: { at: number; work: () => void; held: boolean } | undefined
  let count = 0
  const host: Host = {
    now: () => time, soon: () => {}, later: () => {}, slice: 2, turn: 1, look: 1, report: () => {},
    wake(at, work) {
      count++
      const own = { at, work, held: true }
      alarm = own
      return { cancel: () => { if (alarm === own) alarm = undefined }, hold: on => { own.held = on } }
    },
  }
  return {
    host,
    now: () => time,
    get held() { return alarm?.held ?? false },
    get count() { return count },
    pass(ms: number) {
      const end = time + ms
      for (;;) {
        const due = alarm
        if (due === undefined || due.at > end) break
        time = Math.max(time, due.at)
        alarm = undefined
        due.work()
      }
      time = end
    },
  }
}

const actions = fc.array(fc.oneof(
  fc.record({ do: fc.constant('set' as const), after: fc.nat(20) }),
  fc.record({ do: fc.constant('cancel' as const), which: fc.nat(50) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.nat(10) }),
), { maxLength: 80 })

describe('deadlines', () => {
  test('each elapses once, at its time, in order; a cancelled one never; nothing set holds no process', () => {
    fc.assert(fc.property(actions, list => {
      const clock = clockwork()
      const log: [number, number][] = []
      const deadlines = new Deadlines(clock.host)
      const all: { deadline: Named; due: number; alive: boolean }[] = []
      const live = () => all.some(entry => entry.alive && entry.due > clock.now())
      for (const action of list) {
        if (action.do === 'set') {
          const deadline = new Named(all.length, log, clock.now)
          deadlines.set(deadline, clock.now(), action.after)
          all.push({ deadline, due: clock.now() + action.after, alive: true })
        } else if (action.do === 'cancel') {
          const entry = all[action.which]
          // In time as long as it has not elapsed, even at the very moment that it is due.
          if (entry && !log.some(([name]) => name === action.which)) entry.alive = false
          if (entry) deadlines.cancel(entry.deadline)
        } else {
          clock.pass(action.ms)
          deadlines.settle()
          expect(clock.held).toBe(live())
        }
      }
      clock.pass(100)
      const expected = all.flatMap((entry, name) => entry.alive ? [[name, entry.due]] : [])
      expect(log.toSorted((a, b) => a[0] - b[0]).filter(([name]) => all[name]?.alive)).toEqual(expected)
      deadlines.settle()
      expect(log.map(([, time]) => time)).toEqual(log.map(([, time]) => time).toSorted((a, b) => a - b))
      expect(clock.held).toBe(false)
    }))
  })

  test('S20: one that counts from a moment that is read late never elapses before its time', () => {
    const clock = clockwork()
    const log: [number, number][] = []
    const deadlines = new Deadlines(clock.host)
    let read: number | undefined
    deadlines.set(new Named(0, log, clock.now), clock.now(), 10)
    clock.pass(2)
    deadlines.setFrom(new Named(1, log, clock.now), { get time() { return read ??= clock.now() } }, 10)
    clock.pass(3)
    deadlines.setFrom(new Named(2, log, clock.now), { time: clock.now() }, 20)
    clock.pass(100)
    expect(read).toBeGreaterThanOrEqual(2)
    expect(log).toEqual([[0, 10], [1, (read ?? 0) + 10], [2, 25]].toSorted(([, a = 0], [, b = 0]) => a - b))
  })

  test('a moment of the platform is told by the next look at the clock, or looks itself', () => {
    const host = platformHost()
    const first = host.moment?.()
    expect(host.moment?.()).toBe(first)
    const look = host.now()
    expect(first?.time).toBe(look)
    const second = host.moment?.()
    expect(second).not.toBe(first)
    const time = second?.time
    expect(time).toBeGreaterThanOrEqual(look)
    expect(host.now()).toBeGreaterThanOrEqual(time ?? Infinity)
    expect([first?.time, second?.time]).toEqual([look, time])
  })

  test('ten thousand that are set and cancelled one by one set one alarm', () => {
    const clock = clockwork()
    const deadlines = new Deadlines(clock.host)
    for (let i = 0; i < 10_000; i++) {
      const deadline = new Named(i, [], clock.now)
      deadlines.set(deadline, clock.now(), 30_000)
      deadlines.cancel(deadline)
    }
    deadlines.settle()
    expect(clock.count).toBe(1)
    expect(clock.held).toBe(false)
  })

  test('many durations that are used once leave nothing behind, and the rest keep their times', () => {
    const clock = clockwork()
    const log: [number, number][] = []
    const deadlines = new Deadlines(clock.host)
    for (let i = 0; i < 500; i++) deadlines.set(new Named(i, log, clock.now), clock.now(), 1000 + i)
    for (let i = 0; i < 100_000; i++) {
      const deadline = new Named(i, log, clock.now)
      deadlines.set(deadline, clock.now(), 5000 + i / 16)
      deadlines.cancel(deadline)
    }
    clock.pass(2000)
    expect(log).toEqual(Array.from({ length: 500 }, (_, i) => [i, 1000 + i]))
    // An alarm for each deadline that was kept, and few for those that were not.
    expect(clock.count).toBeLessThan(700)
  })

  test('S31: a process whose asks are answered and whose timers are gone ends, though nobody stops its node', () => {
    const program = `
      import { createNode, reply, stop, timer } from './src/index.ts'
      import { box } from './test/runtime/box.ts'
      const node = await createNode()
      const timed = await node.spawn(box({ put: t => t.msg.n === 0 ? timer('tick', { after: 60_000 }) : stop(), get: t => reply({ n: t.msg.n }) }), { name: 'timed' })
      const a = node.client('a')
      await a.ask(timed, { type: 'GetRequest', n: 1 })
      a.tell(timed, { type: 'Put', n: 0 })
      a.tell(timed, { type: 'Put', n: 1 })
    `
    const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program], { timeout: 20_000, encoding: 'utf8' })
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  })
})
