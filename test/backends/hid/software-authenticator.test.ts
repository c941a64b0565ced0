import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { HidListener } from '../../../src/backends/hid/hid.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import type { AuthenticatorOptions } from '../../authenticator/authenticator.ts'
import { toCbor } from '../../authenticator/cbor.ts'
import { CtapHidDevice } from '../../authenticator/ctaphid-device.ts'
import { HeldTimers } from '../../authenticator/held-timers.ts'
import { PinProtocol } from '../../authenticator/pin-protocol.ts'
import { PERMISSION, PinUvToken } from '../../authenticator/pin-uv-token.ts'
import { PluggedIn } from '../../authenticator/plugged-in.ts'

const [PING, INIT, CBOR, CANCEL, KEEP_ALIVE, ERROR] = [0x81, 0x86, 0x90, 0x91, 0xbb, 0xbf]
const BROADCAST = 0xffffffff
const GET_INFO = Uint8Array.of(0x04)
const SELECTION = Uint8Array.of(0x0b)

const quiet = { keepAlive: () => {}, signal: new AbortController().signal }

/** A report: a channel, what follows it, and zeros. */
function report(channel: number, ...rest: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(64)
  new DataView(bytes.buffer).setUint32(0, channel)
  bytes.set(rest, 4)
  return bytes
}

function message(channel: number, command: number, data: Uint8Array): Uint8Array {
  return report(channel, command, data.length >> 8, data.length & 0xff, ...data)
}

/** A device alone, and what it has sent since it was last asked: channel, command, and data of messages of one packet. */
function bench(options: AuthenticatorOptions = {}) {
  const timers = new HeldTimers()
  let reports: Uint8Array[] = []
  const device = new CtapHidDevice(new SoftwareAuthenticator({ timers, ...options }), sent => reports.push(sent), timers)
  const sent = () => {
    const all = reports.map(bytes => {
      const view = new DataView(bytes.buffer)
      return { channel: view.getUint32(0), command: bytes[4], data: Array.from(bytes.subarray(7, 7 + Math.min(57, view.getUint16(5)))) }
    })
    reports = []
    return all
  }
  const channel = (): number => {
    device.receive(message(BROADCAST, INIT, new Uint8Array(8)))
    const [answer] = sent()
    return new DataView(Uint8Array.from(answer?.data ?? []).buffer).getUint32(8)
  }
  return { device, timers, sent, channel }
}

/** Lets everything happen that waits for nothing. */
function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

describe('a software authenticator behind CTAPHID', () => {
  test('gives each who asks a channel, with their nonce', () => {
    const { device, sent } = bench()
    device.receive(report(BROADCAST, INIT, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8))
    device.receive(report(BROADCAST, INIT, 0, 8, 8, 7, 6, 5, 4, 3, 2, 1))
    expect(sent()).toEqual([
      { channel: BROADCAST, command: INIT, data: [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 2, 1, 0, 0, 0x0d] },
      { channel: BROADCAST, command: INIT, data: [8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 2, 2, 1, 0, 0, 0x0d] },
    ])
  })

  test.each<[string, (channel: number) => readonly Uint8Array[], number]>([
    ['an unknown channel', () => [message(77, PING, GET_INFO)], 0x0b],
    ['channel 0', () => [message(0, PING, GET_INFO)], 0x0b],
    ['no INIT on the broadcast channel', () => [message(BROADCAST, PING, GET_INFO)], 0x0b],
    ['a nonce of another length', () => [message(BROADCAST, INIT, new Uint8Array(7))], 0x03],
    ['a message above the longest', channel => [report(channel, PING, 0x1d, 0xba)], 0x03],
    ['an unknown command', channel => [report(channel, 0xd5, 0, 0)], 0x01],
    ['a packet out of sequence', channel => [report(channel, PING, 0, 200), report(channel, 1)], 0x04],
    ['a message within a message', channel => [report(channel, PING, 0, 200), report(channel, PING, 0, 1)], 0x04],
  ])('refuses %s', (_, reports, code) => {
    const { device, sent, channel } = bench()
    const mine = channel()
    for (const each of reports(mine)) device.receive(each)
    expect(sent()).toEqual([expect.objectContaining({ command: ERROR, data: [code] })])
    device.receive(message(mine, PING, Uint8Array.of(7)))
    expect(sent()).toEqual([{ channel: mine, command: PING, data: [7] }])
  })

  test('ignores continuation packets that belong to nothing, and reports of other sizes', () => {
    const { device, sent, channel } = bench()
    const [mine, other] = [channel(), channel()]
    device.receive(report(mine, 0))
    device.receive(new Uint8Array(63))
    device.receive(report(mine, PING, 0, 60, 1))
    device.receive(report(other, 0, 9, 9, 9))
    device.receive(report(mine, 0, 2, 3, 4))
    expect(sent()[0]).toMatchObject({ channel: mine, command: PING })
  })

  test('gives up on a message whose next packet does not come', () => {
    const { device, timers, sent, channel } = bench()
    const mine = channel()
    device.receive(report(mine, PING, 0, 200))
    timers.pass(499)
    expect(sent()).toEqual([])
    timers.pass(1)
    expect(sent()).toEqual([{ channel: mine, command: ERROR, data: [0x05] }])
  })

  test('is busy for others while a person is asked, but gives them channels; and their cancelling is nothing to it', async () => {
    const touch = Promise.withResolvers<boolean>()
    const { device, timers, sent, channel } = bench({ touch: () => touch.promise })
    const [mine, other] = [channel(), channel()]
    device.receive(message(mine, CBOR, SELECTION))
    await settled()
    expect(sent()).toEqual([{ channel: mine, command: KEEP_ALIVE, data: [2] }])
    device.receive(message(other, CBOR, GET_INFO))
    device.receive(message(mine, CBOR, GET_INFO))
    device.receive(message(other, CANCEL, new Uint8Array()))
    expect(sent()).toEqual([{ channel: other, command: ERROR, data: [6] }, { channel: mine, command: ERROR, data: [6] }])
    expect(channel()).toBe(other + 1)
    timers.pass(200)
    expect(sent()).toEqual([{ channel: mine, command: KEEP_ALIVE, data: [2] }, { channel: mine, command: KEEP_ALIVE, data: [2] }])
    touch.resolve(true)
    await settled()
    expect(sent()).toEqual([{ channel: mine, command: KEEP_ALIVE, data: [1] }, { channel: mine, command: CBOR, data: [0] }])
    timers.pass(1000)
    expect(sent()).toEqual([])
  })

  test.each<[string, (device: CtapHidDevice, channel: number, timers: HeldTimers) => void, object]>([
    ['cancelled', (device, channel) => device.receive(message(channel, CANCEL, new Uint8Array())), { command: CBOR, data: [0x2d] }],
    ['left alone for half a minute', (_device, _channel, timers) => timers.pass(30_000), { command: CBOR, data: [0x2f] }],
    ['overtaken by INIT on its channel', (device, channel) => device.receive(message(channel, INIT, new Uint8Array(8))), { command: INIT }],
  ])('ends what is %s, and has the person not be asked any more', async (_, end, last) => {
    const asked: AbortSignal[] = []
    const { device, timers, sent, channel } = bench({ touch: (_why, signal) => {
      asked.push(signal)
      return new Promise(() => {})
    } })
    const mine = channel()
    device.receive(message(mine, CBOR, SELECTION))
    await settled()
    end(device, mine, timers)
    await settled()
    expect(sent().at(-1)).toMatchObject({ channel: mine, ...last })
    expect(asked.map(signal => signal.aborted)).toEqual([true])
    device.receive(message(mine, CBOR, GET_INFO))
    await settled()
    expect(sent()[0]).toMatchObject({ channel: mine, command: CBOR })
  })

  test('forgets the oldest channel when too many are asked for, and all of them without power', () => {
    const { device, sent, channel } = bench()
    const [oldest, next] = [channel(), channel()]
    for (let n = 0; n < 31; n++) channel()
    device.receive(message(oldest, PING, GET_INFO))
    device.receive(message(next, PING, GET_INFO))
    expect(sent()).toEqual([{ channel: oldest, command: ERROR, data: [0x0b] }, { channel: next, command: PING, data: [4] }])
    device.powerCycle()
    device.receive(message(next, PING, GET_INFO))
    expect(sent()).toEqual([{ channel: next, command: ERROR, data: [0x0b] }])
  })

  test('answers those alone who have asked, whatever comes', async () => {
    const reports = fc.array(fc.tuple(fc.constantFrom(0, 1, 2, 3, BROADCAST), fc.uint8Array({ minLength: 60, maxLength: 60 })), { maxLength: 20 })
    await fc.assert(fc.asyncProperty(reports, async all => {
      const { device, sent, channel } = bench()
      channel()
      channel()
      for (const [to, rest] of all) device.receive(report(to, ...rest))
      await settled()
      const asked = new Set<number>(all.map(([to]) => to))
      expect(sent().every(each => asked.has(each.channel))).toBe(true)
    }))
  })
})

test('a software authenticator answers a status, whatever is asked', async () => {
  const commands = fc.constantFrom(1, 2, 4, 6, 7, 8, 10, 11, 0x41)
  const scalar = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.boolean(), fc.string({ maxLength: 8 }), fc.uint8Array({ maxLength: 70 }))
  const entity = fc.dictionary(fc.constantFrom('id', 'name', 'type', 'alg', 'rk', 'uv', 'up', 'hmac-secret', 'credProtect'), scalar, { maxKeys: 4 })
  const value = fc.oneof(scalar, fc.constant(new Uint8Array(32)), entity, fc.array(entity, { maxLength: 3 }))
  const parameters = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 10 }), value), { selector: ([key]) => key, maxLength: 9 }).map(entries => toCbor(new Map<number, unknown>(entries)))
  const requests = fc.array(fc.tuple(fc.oneof(commands, fc.nat(255)), fc.oneof(parameters, fc.uint8Array({ maxLength: 40 }))), { maxLength: 8 })
  await fc.assert(fc.asyncProperty(requests, async all => {
    const authenticator = new SoftwareAuthenticator({ pin: '1234', builtInUv: true })
    for (const [command, rest] of all) expect((await authenticator.handle(Uint8Array.of(command, ...rest), quiet)).length).toBeGreaterThan(0)
  }), { numRuns: 500 })
})

describe('the time of a software authenticator', () => {
  test('a reset is taken within ten seconds of power', async () => {
    const timers = new HeldTimers()
    const authenticator = new SoftwareAuthenticator({ timers })
    timers.pass(10_001)
    expect(await authenticator.handle(Uint8Array.of(7), quiet)).toEqual(Uint8Array.of(0x30))
    authenticator.powerCycle()
    expect(await authenticator.handle(Uint8Array.of(7), quiet)).toEqual(Uint8Array.of(0))
  })

  test('the next assertion is fetched within half a minute', async () => {
    const timers = new HeldTimers()
    const authenticator = new SoftwareAuthenticator({ timers })
    const hash = new Uint8Array(32)
    for (const user of [1, 2, 3]) {
      const parameters = new Map<number, unknown>([
        [1, hash], [2, { id: 'example.org' }], [3, { id: Uint8Array.of(user) }], [4, [{ alg: -7, type: 'public-key' }]], [7, { rk: true }],
      ])
      expect((await authenticator.handle(Buffer.concat([Uint8Array.of(1), toCbor(parameters)]), quiet))[0]).toBe(0)
    }
    expect((await authenticator.handle(Buffer.concat([Uint8Array.of(2), toCbor(new Map<number, unknown>([[1, 'example.org'], [2, hash]]))]), quiet))[0]).toBe(0)
    timers.pass(30_000)
    expect((await authenticator.handle(Uint8Array.of(8), quiet))[0]).toBe(0)
    timers.pass(30_001)
    expect(await authenticator.handle(Uint8Array.of(8), quiet)).toEqual(Uint8Array.of(0x30))
  })

  test('a token that is not used lives for half a minute, and one that is used for ten', () => {
    const [timers, protocol] = [new HeldTimers(), new PinProtocol(2, 32)]
    const signature = createHmac('sha256', protocol.token).update('message').digest()
    const issue = () => new PinUvToken(protocol, timers, { permissions: PERMISSION.getAssertion, relyingParty: 'example.org', userPresent: false })
    const use = (token: PinUvToken) => token.assertPermits(PERMISSION.getAssertion, protocol, Buffer.from('message'), signature)
    const [unused, used] = [issue(), issue()]
    use(used)
    timers.pass(30_001)
    expect(() => use(unused)).toThrow('PIN_AUTH_INVALID')
    use(used)
    timers.pass(570_000)
    expect(() => use(used)).toThrow('PIN_AUTH_INVALID')
  })
})

class Heard implements HidListener {
  readonly reports: Uint8Array[] = []
  readonly ends: unknown[] = []

  report(bytes: Uint8Array): void {
    this.reports.push(bytes)
  }

  gone(error: unknown): void {
    this.ends.push(error)
  }
}

describe('software authenticators that are plugged in', () => {
  test('are listed while they are there', async () => {
    const devices = new PluggedIn()
    const [one, other] = [devices.plug(new SoftwareAuthenticator(), { product: 'One' }), devices.plug(new SoftwareAuthenticator())]
    expect((await devices.list()).map(({ path, product }) => [path, product])).toEqual([[one, 'One'], [other, 'Software authenticator']])
    devices.unplug(one)
    const [left] = await devices.list()
    expect(left?.path).toBe(other)
    await expect(devices.open({ path: one, vendorId: 0, productId: 0 })).rejects.toMatchObject({ code: 'device-gone' })
  })

  test('are heard by everyone who has opened them, also by who listens late, until they are taken out', async () => {
    const devices = new PluggedIn()
    const path = devices.plug(new SoftwareAuthenticator())
    const [mine, other, closed] = await Promise.all([1, 2, 3].map(() => devices.open({ path, vendorId: 0, productId: 0 })))
    const [here, there, never] = [new Heard(), new Heard(), new Heard()]
    mine?.listen(here)
    closed?.listen(never)
    await closed?.close()
    await mine?.write(message(BROADCAST, INIT, new Uint8Array(8)))
    await settled()
    other?.listen(there)
    await settled()
    expect([here, there, never].map(({ reports }) => reports.map(each => each.length))).toEqual([[64], [64], []])
    devices.unplug(path)
    await settled()
    expect([here, there, never].map(({ ends }) => ends.length)).toEqual([1, 1, 0])
    expect(here.ends[0]).toMatchObject({ code: 'device-gone' })
    await expect(mine?.write(new Uint8Array(64))).rejects.toMatchObject({ code: 'device-gone' })
  })
})
