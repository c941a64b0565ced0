import { encode } from 'cborg'
import { describe, expect, test } from 'vitest'
import { Authenticator } from '../../../src/backends/hid/ctap/authenticator.ts'
import { decodeCanonical, encodeCanonical } from '../../../src/backends/hid/ctap/cbor.ts'
import { CtapHid } from '../../../src/backends/hid/ctaphid/ctaphid.ts'
import { Fault } from '../../../src/core/errors.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { fromCbor } from '../../authenticator/cbor.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import { ManualClock } from './manual-clock.ts'
import { CBOR, framed, KEEPALIVE, ScriptedDevice } from './scripted-device.ts'

/** How many of each, and from which seed on: IPSE_FUZZ=1000000 npx vitest run test/backends/hid/ctap-fuzz.test.ts */
const COUNT = Number(process.env['IPSE_FUZZ'] ?? 20_000)
const SEED = Number(process.env['IPSE_SEED'] ?? 1)
const TIME = 60_000 + COUNT * 2

const forever = new AbortController().signal

/** Numbers from a seed (xorshift32), so that a case can be had again. */
class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b1 | 0) || 1
    for (let i = 0; i < 8; i++) this.below(2)
  }

  below(limit: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) % limit
  }

  of<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0]
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }

  /** Some bits flipped, bytes replaced, left out, put in or repeated. */
  mutated(bytes: Uint8Array): Buffer {
    let result: Buffer = Buffer.from(bytes)
    for (let times = 1 + this.below(3); times > 0; times--) {
      const at = this.below(result.length + 1)
      const [before, after] = [result.subarray(0, at), result.subarray(at)]
      result = this.of<() => Buffer>([
        () => Buffer.concat([before, Uint8Array.of((after[0] ?? 0) ^ 1 << this.below(8)), after.subarray(1)]),
        () => Buffer.concat([before, this.bytes(1), after.subarray(1)]),
        () => Buffer.concat([before, after.subarray(1 + this.below(8))]),
        () => Buffer.concat([before, this.bytes(1 + this.below(4)), after]),
        () => Buffer.concat([before, before.subarray(-this.below(16) - 1), after]),
        () => before,
      ])()
    }
    return result
  }

  /** What CBOR can say, and CTAP2 can not always. */
  value(depth = 0): unknown {
    const leaf = [() => this.below(300), () => -1 - this.below(300), () => this.bytes(this.below(30)), () => 'text'.slice(this.below(5)), () => this.below(2) === 1, () => null, () => 2 ** 40 + this.below(9), () => this.below(9) / 4] as const
    if (depth > 5 || this.below(2) === 0) return this.of<() => unknown>(leaf)()
    const items = Array.from({ length: this.below(4) }, () => this.value(depth + 1))
    return this.below(2) === 0 ? items : new Map(items.map(item => [this.of<() => unknown>([() => this.below(30), () => -1 - this.below(30), () => 'key'.slice(this.below(4))])(), item]))
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

describe('whatever comes', () => {
  test(`as CBOR (${COUNT} items) is in its canonical form, or refused`, { timeout: TIME }, () => {
    let taken = 0
    for (let i = 0; i < COUNT; i++) {
      const dice = new Dice(SEED + i)
      const made = Buffer.from(encode(dice.value()))
      const bytes = dice.of([() => made, () => dice.mutated(made), () => dice.mutated(made), () => dice.bytes(dice.below(40))])()
      const value = attempt(() => ({ is: decodeCanonical(bytes) }))
      if (value === undefined) continue
      // Another reader, which wants a map of small numbers, takes it too.
      if (value.is instanceof Map && !hasBig(value.is) && attempt(() => fromCbor(bytes)) === undefined) expect([i, 'taken']).toEqual([i, bytes.toString('hex')])
      taken++
      if (Buffer.compare(encodeCanonical(value.is), bytes) !== 0) expect([i, 'taken']).toEqual([i, bytes.toString('hex')])
    }
    expect(taken).toBeGreaterThan(COUNT / 20)
  })

  test(`as reports (${COUNT} of them) ends each request, with its response or a Fault, and never with another's`, { timeout: TIME }, async () => {
    const clock = new ManualClock()
    const device = new ScriptedDevice()
    const hid = await clock.through(CtapHid.open(device, { random: randomBytes, clock }, forever))
    const response = Buffer.alloc(150, 'own')
    let [sent, answered, refused] = [0, 0, 0]
    for (let i = 0; sent < COUNT; i++) {
      const dice = new Dice(SEED + i)
      device.onMessage = ({ channel, command }) => {
        if (command !== CBOR) return
        const own = framed(channel, CBOR, response)
        const foreign = framed(channel ^ 1 + dice.below(0xffff), CBOR, Buffer.alloc(150, 'foreign'))
        for (let count = dice.below(4); count > 0; count--) {
          const reports = dice.of([() => foreign, () => [dice.bytes(64)], () => framed(channel, KEEPALIVE, Uint8Array.of(dice.below(4))), () => [dice.mutated(foreign[0] ?? response)], () => [aimed(dice, channel)]])()
          sent += reports.length
          for (const report of reports) device.raw(report)
        }
        sent += own.length
        for (const [at, report] of own.entries()) {
          if (dice.below(20) === 0) device.raw(aimed(dice, channel, own[at]))
          device.raw(report)
        }
      }
      try {
        const got = Buffer.from(await clock.through(hid.cbor(Uint8Array.of(4), { signal: forever })))
        answered++
        if (got.includes('foreign')) expect([i, 'another\'s']).toEqual([i, got.toString('hex')])
      } catch (error) {
        refused++
        if (!(error instanceof Fault)) throw new Error(`Seed ${SEED + i}`, { cause: error })
      }
    }
    expect(clock.alarms).toBe(0)
    expect(Math.min(answered, refused)).toBeGreaterThan(COUNT / 200)
  })

  test(`as responses (${COUNT} of them) is an answer, or a Fault`, { timeout: TIME }, async () => {
    const recorded = await record()
    const clock = new ManualClock()
    let dice = new Dice(SEED)
    const device = new ScriptedDevice()
    let [sent, answered, refused] = [0, 0, 0]
    let isHonest = true
    device.onMessage = ({ channel, data }) => {
      if (data.length === 0) return
      const honest = recorded.get(data.toString('hex')) ?? recorded.get(data.toString('hex', 0, 1)) ?? Uint8Array.of(0x01)
      sent++
      device.send(channel, CBOR, isHonest ? honest : dice.of([() => honest, () => dice.mutated(honest), () => remade(dice, honest), () => Buffer.concat([Uint8Array.of(0), dice.bytes(dice.below(60))])])().subarray(0, 7000))
    }
    const hid = await clock.through(CtapHid.open(device, { random: randomBytes, clock }, forever))
    for (let i = 0; sent < COUNT; i++) {
      // What it then says of itself stays for some questions.
      isHonest = true
      const authenticator = await clock.through(Authenticator.open(hid, { random: randomBytes }, { signal: forever }))
      isHonest = false
      for (let asked = 0; asked < 20; asked++) {
        dice = new Dice(SEED + i * 20 + asked)
        try {
          await clock.through(ask(dice, authenticator))
          answered++
        } catch (error) {
          refused++
          if (!(error instanceof Fault)) throw new Error(`Seed ${SEED + i * 20 + asked}`, { cause: error })
        }
      }
    }
    expect(clock.alarms).toBe(0)
    expect(Math.min(answered, refused)).toBeGreaterThan(COUNT / 50)
  })
})

function hasBig(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasBig)
  return value instanceof Map ? [...value.values()].some(hasBig) : typeof value === 'bigint'
}

/** A report of ours that is not quite one. */
function aimed(dice: Dice, channel: number, report: Uint8Array = dice.bytes(64)): Buffer {
  const bytes = Buffer.from(report)
  bytes.writeUInt32BE(channel)
  bytes[4] = dice.of([0x90, 0x90, 0xbb, 0xbf, 0x86, 0, 1, dice.below(256)])
  return dice.below(8) === 0 ? dice.mutated(bytes) : bytes
}

/** Still CBOR, but with something else somewhere. */
function remade(dice: Dice, response: Uint8Array): Buffer {
  const value = attempt(() => decodeCanonical(response.subarray(1)))
  if (!(value instanceof Map) || value.size === 0) return dice.mutated(response)
  const [key] = [...value.keys()].toSpliced(0, dice.below(value.size))
  const old: unknown = value.get(key)
  value.set(key, old instanceof Uint8Array && dice.below(2) === 0 ? dice.mutated(old) : dice.value(1))
  if (dice.below(8) === 0) value.delete(key)
  return Buffer.concat([response.subarray(0, 1), encodeCanonical(value)])
}

const HASH = Buffer.alloc(32, 7)
const RELYING_PARTY = 'ipse:identities'

type Question = (authenticator: Authenticator) => Promise<unknown>

function ask(dice: Dice, authenticator: Authenticator): Promise<unknown> {
  const [long, ...others] = QUESTIONS
  return (dice.below(40) === 0 ? long : others[dice.below(others.length)] ?? long)(authenticator)
}

/** The first of them takes long: it agrees on a key. */
const QUESTIONS: readonly [Question, ...Question[]] = [
  authenticator => authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, hmacSecret: { salts: [HASH] } }, { signal: forever }),
  authenticator => authenticator.refresh({ signal: forever }),
  authenticator => authenticator.pinRetries({ signal: forever }),
  authenticator => authenticator.makeCredential({ relyingParty: { id: RELYING_PARTY }, user: { id: Uint8Array.of(1), name: 'one' }, algorithms: ['Ed25519', 'P256'], clientDataHash: HASH, resident: false }, { signal: forever }),
  authenticator => authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH }, { signal: forever }),
  authenticator => authenticator.selection({ signal: forever }),
]

/** What an honest device says to each of these, by the whole request, and else by its command. */
async function record(): Promise<ReadonlyMap<string, Uint8Array>> {
  const software = new SoftwareAuthenticator({ pin: '1234', touch: () => true })
  const recorded = new Map<string, Uint8Array>()
  const device = new ScriptedDevice()
  device.onMessage = ({ channel, data }) => {
    void software.handle(data, { keepAlive: () => {}, signal: forever }).then(response => {
      recorded.set(data.toString('hex'), response).set(data.toString('hex', 0, 1), response)
      device.send(channel, CBOR, response)
    })
  }
  const clock = new ManualClock()
  const hid = await clock.through(CtapHid.open(device, { random: randomBytes, clock }, forever))
  const authenticator = await Authenticator.open(hid, { random: randomBytes }, { signal: forever })
  for (const id of [1, 2]) {
    await authenticator.makeCredential({
      relyingParty: { id: RELYING_PARTY }, user: { id: Uint8Array.of(id), name: 'resident' }, algorithms: ['P256'], clientDataHash: HASH, resident: true, hmacSecret: true,
      token: await authenticator.token({ pin: '1234' }, ['makeCredential'], RELYING_PARTY, { signal: forever }),
    }, { signal: forever })
  }
  for (const question of QUESTIONS) await question(authenticator)
  return recorded
}
