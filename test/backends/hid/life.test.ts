import { describe, expect, test } from 'vitest'
import { simulate } from '../../../src/simulation.ts'
import type { Simulation } from '../../../src/simulation.ts'
import type { HidDevices, PinAsked } from '../../../src/hid.ts'
import type { ExternalIdentity } from '../../../src/index.ts'
import { verifyCommitment } from '../../../src/crypto/commitment.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import type { AuthenticatorOptions } from '../../authenticator/authenticator.ts'
import { PluggedIn } from '../../authenticator/plugged-in.ts'
import { PATIENCE, PIN, Person, simulatedWorld, timeOf } from './hids.ts'

const data = new TextEncoder().encode('what is signed')
const { signal } = new AbortController()
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

type Simulated = Awaited<ReturnType<typeof simulatedWorld>>
interface Scene extends Simulated {
  readonly sim: Simulation
  readonly person: Person
  readonly device: SoftwareAuthenticator
  readonly identity: ExternalIdentity
  /** The path at which the device that made the identity is plugged in. */
  readonly path: string
  sign(until?: AbortSignal): Promise<Uint8Array>
  /** From here on, the person does this with a touch. */
  touching(answer: boolean | Promise<boolean>): void
}

interface Setting { readonly pins?: (asked: PinAsked) => Promise<string | undefined> | string | undefined; readonly device?: AuthenticatorOptions }

/** An identity was generated on one device, and time is virtual. */
function scene(title: string, setting: Setting, play: (scene: Scene) => Promise<void>): void {
  test(title, async () => {
    const sim = simulate({ seed: 7 })
    let pins: Setting['pins']
    let answer: boolean | Promise<boolean> = true
    const person = new Person(asked => pins === undefined ? PIN : pins(asked))
    await sim.run(async () => {
      const world = await simulatedWorld(sim, person)
      const device = new SoftwareAuthenticator({ pin: PIN, timers: world.timers, touch: () => answer, ...setting.device })
      const path = world.devices.plug(device)
      const identity = await world.hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'CommitAndDecrypt' }, signal)
      await sim.sleep(100)
      pins = setting.pins
      person.asked.length = 0
      const signer = await world.hid.backend.signer(identity, signal)
      const sign = async (until = signal) => signer.sign(data, until)
      const touching = (next: typeof answer) => { answer = next }
      await play({ ...world, sim, person, device, identity, path, sign, touching })
      // Nothing is left open that a person was asked.
      await sim.sleep(2_000)
      expect(person.asked.filter(asked => !asked.signal.aborted).map(({ of }) => of)).toEqual([])
      expect(world.seen.filter(({ kind }) => kind === 'dead-letter' || kind === 'restarted')).toEqual([])
      await world.hid.close()
      await world.node.stop()
    })
  })
}

const never = () => new Promise<never>(() => {})
/** The states since the last time that it was ready. */
const lastly = (states: readonly string[]) => states.slice(states.lastIndexOf('ready', -2) + 1)

describe('what a device goes through', () => {
  scene('is told to observers, in order', {}, async ({ sign, states, sim, touching, identity }) => {
    const touch = Promise.withResolvers<boolean>()
    touching(touch.promise)
    const before = states().length
    const signing = sign()
    await sim.sleep(1_000)
    expect(states().at(-1)).toBe('touch')
    touch.resolve(true)
    expect(verifyCommitment(identity, data, await signing)).toBe(true)
    await sim.sleep(100)
    expect(states().slice(before)).toEqual(['busy', 'pin', 'busy', 'touch', 'busy', 'ready'])
  })

  scene('a touch that never comes ends the request, and the device is told', {}, async ({ sign, sim, touching, states, person }) => {
    touching(never())
    const begun = sim.time
    await expect(sign()).rejects.toEqual(code('unanswered'))
    expect(sim.time - begun).toBeLessThan(PATIENCE + 5_000)
    await sim.sleep(100)
    expect(states().at(-1)).toBe('ready')
    touching(true)
    await sign()
    expect(person.asked.map(({ of }) => of)).toEqual(['pin', 'touch', 'pin'])
  })

  scene('a touch that is denied is a refusal', {}, async ({ sign, touching }) => {
    touching(Promise.resolve(false))
    await expect(sign()).rejects.toEqual(code('denied'))
  })

  scene('a PIN that nobody gives ends the request', { pins: never }, async ({ sign, sim }) => {
    const begun = sim.time
    await expect(sign()).rejects.toEqual(code('unanswered'))
    expect(sim.time - begun).toBeLessThan(PATIENCE + 5_000)
  })

  scene('a PIN that the person does not want to give is a refusal', { pins: () => undefined }, async ({ sign }) => {
    await expect(sign()).rejects.toEqual(code('denied'))
  })

  scene('a device that goes while a touch is awaited ends the request, which is not done again; those that wait go on with the next', {}, async ({ sign, devices, device, path, sim, touching, states, identity }) => {
    touching(never())
    const [first, second] = [sign(), sign()]
    const failed = expect(first).rejects.toEqual(code('device-gone'))
    await sim.sleep(1_000)
    devices.unplug(path)
    await failed
    touching(true)
    await sim.sleep(5_000)
    expect(states().slice(-2)).toEqual(['gone', 'absent'])
    devices.plug(device)
    expect(verifyCommitment(identity, data, await second)).toBe(true)
  })

  for (const how of ['close', 'delete'] as const) {
    scene(`a touch is awaited no more by a signer that comes to its end: ${how}`, {}, async ({ hid, identity, touching, sim, person }) => {
      touching(never())
      const signer = await hid.backend.signer(identity, signal)
      const signing = expect((async () => signer.sign(data, signal))()).rejects.toEqual(code('backend-failed'))
      await sim.sleep(1_000)
      expect(person.asked.some(({ of, signal: over }) => of === 'touch' && !over.aborted)).toBe(true)
      await (how === 'close' ? signer.close() : hid.backend.delete(identity, signal))
      await signing
      await expect((async () => signer.sign(data, signal))()).rejects.toEqual(code('backend-failed'))
    })
  }

  scene('a device that goes while its PIN is asked for ends the request', { pins: never }, async ({ sign, devices, path, sim, states }) => {
    const failed = expect(sign()).rejects.toEqual(code('device-gone'))
    await sim.sleep(1_000)
    devices.unplug(path)
    await failed
    await sim.sleep(1_000)
    expect(states().slice(-3)).toEqual(['busy', 'gone', 'absent'])
  })

  scene('a request waits for a device, and the person is asked for it', {}, async ({ sign, devices, device, path, sim, person }) => {
    devices.unplug(path)
    await sim.sleep(1_000)
    const signing = sign()
    await sim.sleep(PATIENCE / 2)
    expect(person.asked.map(({ of }) => of)).toEqual(['insert'])
    devices.plug(device)
    await signing
  })

  scene('without a device, a request ends in time', {}, async ({ sign, devices, path, sim }) => {
    devices.unplug(path)
    await sim.sleep(1_000)
    const begun = sim.time
    await expect(sign()).rejects.toEqual(code('device-absent'))
    expect(sim.time - begun).toBeGreaterThanOrEqual(PATIENCE)
    expect(sim.time - begun).toBeLessThan(PATIENCE + 1_000)
  })

  scene('requests that wait for a device end together, each in its own time', {}, async ({ hid, devices, path, sim }) => {
    devices.unplug(path)
    await sim.sleep(1_000)
    const begun = sim.time
    await Promise.all(['a', 'b', 'c'].map(key => expect(hid.backend.generate({ key, params: 'P256', capabilities: 'Commit' }, signal)).rejects.toEqual(code('device-absent'))))
    expect(sim.time - begun).toBeLessThan(PATIENCE + 1_000)
  })

  scene('a device that does not hold the credential is told so at once', {}, async ({ sign, devices, path, timers }) => {
    devices.unplug(path)
    devices.plug(new SoftwareAuthenticator({ pin: PIN, timers }))
    await expect(sign()).rejects.toEqual(code('wrong-device'))
  })

  scene('of several devices, the one that holds the credential is found without asking', {}, async ({ sign, devices, timers, identity, person }) => {
    devices.plug(new SoftwareAuthenticator({ pin: PIN, timers }))
    devices.plug(new SoftwareAuthenticator({ timers }))
    expect(verifyCommitment(identity, data, await sign())).toBe(true)
    expect(person.asked.map(({ of }) => of)).toEqual(['pin'])
  })

  scene('of several devices for a new identity, the person chooses by touch', {}, async ({ hid, devices, timers, person, touching, states }) => {
    touching(never())
    devices.plug(new SoftwareAuthenticator({ pin: 'another', timers, touch: why => why === 'selection' ? new Promise(resolve => void timers.after(5_000, () => resolve(true))) : true }), { product: 'Second' })
    const failed = hid.backend.generate({ key: 'x', params: 'P256', capabilities: 'Commit' }, signal)
    // The first one's PIN: so it is told wrong by the one that was touched.
    await expect(failed).rejects.toEqual(code('pin-locked'))
    expect(person.asked.slice(0, 2).map(({ of }) => of)).toEqual(['choose', 'pin'])
    expect(person.asked[1]?.asked).toEqual(expect.objectContaining({ device: expect.objectContaining({ product: 'Second' }) }))
    expect(states()).toContain('touch')
  })

  scene('whoever stops waiting takes the request back: in the queue, and while a touch is awaited', {}, async ({ sign, sim, touching, states }) => {
    touching(never())
    const [first, second] = [new AbortController(), new AbortController()]
    const failed = [expect(sign(first.signal)).rejects.toEqual(code('backend-failed')), expect(sign(second.signal)).rejects.toEqual(code('backend-failed'))]
    await sim.sleep(1_000)
    second.abort()
    await failed[1]
    expect(states().at(-1)).toBe('touch')
    first.abort()
    await failed[0]
    await sim.sleep(2_000)
    expect(states().at(-1)).toBe('ready')
  })

  scene('too many requests are refused at once', {}, async ({ sign, touching, sim }) => {
    touching(never())
    const all = Array.from({ length: 66 }, () => sign().then(() => 'signed', (error: { code?: string }) => error.code))
    await sim.sleep(1_000)
    expect(await all[65]).toBe('device-busy')
    const ends = await Promise.all(all)
    expect(new Set(ends)).toEqual(new Set(['unanswered', 'device-busy']))
  })
})

describe('S89: a PIN', () => {
  const wrong = (_: PinAsked) => 'not the PIN'

  scene('that was wrong is asked for anew, with the retries that are left', { pins: asked => asked.retries === 8 ? 'not the PIN' : PIN }, async ({ sign, person, identity }) => {
    expect(verifyCommitment(identity, data, await sign())).toBe(true)
    expect(person.asked.map(({ asked }) => asked)).toEqual([
      expect.objectContaining({ retries: 8 }), expect.objectContaining({ retries: 7, problem: 'wrong' }),
    ])
  })

  scene('that is too short costs none of them', { pins: asked => asked.problem === 'too-short' ? PIN : '123' }, async ({ sign, person }) => {
    await sign()
    expect(person.asked.map(({ asked }) => asked)).toEqual([expect.objectContaining({ retries: 8 }), expect.objectContaining({ retries: 8, problem: 'too-short' })])
  })

  scene('that is wrong three times locks the device until it is plugged in again, and no request gets at it', { pins: wrong }, async ({ sign, states, sim, devices, device, path, person }) => {
    await expect(sign()).rejects.toEqual(code('pin-locked'))
    await sim.sleep(1_000)
    expect(states().at(-1)).toBe('locked')
    const asked = person.asked.length
    await expect(sign()).rejects.toEqual(code('pin-locked'))
    expect(person.asked).toHaveLength(asked)
    // So soon that no list of devices shows it.
    devices.unplug(path)
    devices.plug(device)
    await sim.sleep(1_000)
    expect(states().at(-1)).toBe('ready')
  })

  scene('does not hold up another device', { pins: wrong }, async ({ sign, states, sim, devices, timers, hid }) => {
    await expect(sign()).rejects.toEqual(code('pin-locked'))
    devices.plug(new SoftwareAuthenticator({ builtInUv: true, timers }))
    await sim.sleep(1_000)
    expect(states().at(-1)).toBe('ready')
    await hid.backend.generate({ key: 'second', params: 'P256', capabilities: 'Commit' }, signal)
  })

  scene('that was wrong eight times locks the device for good', { pins: wrong }, async ({ sign, sim, devices, device, path, states, person }) => {
    let at = path
    for (let i = 0; i < 4; i++) {
      await expect(sign()).rejects.toEqual(code('pin-locked'))
      devices.unplug(at)
      await sim.sleep(1_000)
      at = devices.plug(device)
      await sim.sleep(1_000)
    }
    const { length } = person.asked
    await expect(sign()).rejects.toEqual(expect.objectContaining({ code: 'pin-locked', message: expect.stringContaining('reset') }))
    // It would take none.
    expect(person.asked).toHaveLength(length)
    await sim.sleep(1_000)
    expect(lastly(states()).at(-1)).toBe('locked')
  })
})

test('a device that goes while it is opened is no other device: the request waits for it', async () => {
  const sim = simulate({ seed: 7 })
  await sim.run(async () => {
    const plugged = new PluggedIn(timeOf(sim).timers)
    let opening: () => void = () => {}
    const devices: HidDevices = {
      list: () => plugged.list(),
      async open(device) {
        opening()
        return plugged.open(device)
      },
    }
    const { hid, node, timers } = await simulatedWorld(sim, new Person(), { devices })
    const device = new SoftwareAuthenticator({ pin: PIN, timers })
    const path = plugged.plug(device)
    const identity = await hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'Commit' }, signal)
    const signer = await hid.backend.signer(identity, signal)
    opening = () => {
      opening = () => {}
      plugged.unplug(path)
    }
    const signing = signer.sign(data, signal)
    await sim.sleep(5_000)
    plugged.plug(device)
    expect(verifyCommitment(identity, data, await signing)).toBe(true)
    await hid.close()
    await node.stop()
  })
})
