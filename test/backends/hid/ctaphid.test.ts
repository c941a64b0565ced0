import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { CtapHid } from '../../../src/backends/hid/ctaphid/ctaphid.ts'
import type { KeepAlive } from '../../../src/backends/hid/ctaphid/ctaphid.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { ManualClock, turn } from './manual-clock.ts'
import { BROADCAST, CANCEL, CBOR, ERROR, framed, INIT, KEEPALIVE, PING, ScriptedDevice, WINK } from './scripted-device.ts'

const [INVALID_CMD, MSG_TIMEOUT, BUSY, LOCK_REQUIRED, INVALID_CHANNEL] = [0x01, 0x05, 0x06, 0x0a, 0x0b]
const forever = new AbortController().signal
const REQUEST = Uint8Array.of(4)

async function opened(device = new ScriptedDevice()) {
  const clock = new ManualClock()
  const hid = await clock.through(CtapHid.open(device, { random: randomBytes, clock }, forever))
  const cbor = (payload: Uint8Array = REQUEST, signal = forever) => hid.cbor(payload, { signal })
  return { device, clock, hid, cbor }
}

/** Answers CBOR with its reverse. */
function reversing(device: ScriptedDevice): void {
  device.onMessage = ({ channel, command, data }) => {
    if (command === CBOR) device.send(channel, CBOR, data.toReversed())
  }
}

describe('a channel', () => {
  test('is asked for by a nonce, and what the device can do is read', async () => {
    const { hid, device } = await opened()
    expect(device.heard).toMatchObject([{ channel: BROADCAST, command: INIT }])
    expect(device.heard[0]?.data).toHaveLength(8)
    expect(hid.capabilities).toEqual({ wink: true, cbor: true, msg: true })
  })

  test('the report that asks for one is as the specification has it', async () => {
    const { device } = await opened()
    const [report] = device.reports
    expect(report).toHaveLength(64)
    expect(report?.subarray(0, 7).toString('hex')).toBe('ffffffff860008')
    expect(report?.subarray(15).every(byte => byte === 0)).toBe(true)
  })

  test('that was given to another program is not taken', async () => {
    const device = new ScriptedDevice()
    device.onInit = message => {
      device.welcome({ ...message, data: Buffer.alloc(8) }, 0x666)
      device.send(BROADCAST, INIT, message.data)
      device.send(BROADCAST, WINK, Buffer.alloc(100))
      device.welcome(message, 0x777)
      return true
    }
    const { cbor, clock } = await opened(device)
    reversing(device)
    await clock.through(cbor())
    expect(device.heard.at(-1)?.channel).toBe(0x777)
  })

  test.each([0, BROADCAST])('%i is refused, which is reserved', async given => {
    const device = new ScriptedDevice()
    device.onInit = message => {
      device.welcome(message, given)
      return true
    }
    await expect(opened(device)).rejects.toMatchObject({ code: 'backend-failed' })
    expect(device.isClosed).toBe(true)
  })

  test('a longer answer to INIT is that of a later protocol', async () => {
    const device = new ScriptedDevice()
    device.onInit = ({ data }) => {
      device.send(BROADCAST, INIT, Buffer.concat([data, Buffer.from('00000042020000000c', 'hex'), Buffer.alloc(90)]))
      return true
    }
    const { hid } = await opened(device)
    expect(hid.capabilities).toEqual({ wink: false, cbor: true, msg: false })
  })

  test('a device that says nothing is given up, and closed', async () => {
    const device = new ScriptedDevice()
    device.onInit = () => true
    await expect(opened(device)).rejects.toMatchObject({ code: 'backend-failed' })
    expect(device.isClosed).toBe(true)
  })

  test('a device that is busy is asked again', async () => {
    const device = new ScriptedDevice()
    let asked = 0
    device.onInit = ({ channel }) => {
      if (asked++ >= 3) return false
      device.send(channel, ERROR, Uint8Array.of(BUSY))
      return true
    }
    await opened(device)
    expect(asked).toBe(4)
  })

  test('an abort while it is asked for ends that at once', async () => {
    const device = new ScriptedDevice()
    device.onInit = () => true
    const controller = new AbortController()
    const opening = CtapHid.open(device, { random: randomBytes, clock: new ManualClock() }, controller.signal)
    controller.abort(new Error('enough'))
    await expect(opening).rejects.toThrow('enough')
    expect(device.isClosed).toBe(true)
  })
})

describe('a message', () => {
  test.each([0, 1, 56, 57, 58, 57 + 59, 57 + 59 + 1, 1024, 7608, 7609])('of %i bytes goes there and back', async length => {
    const { hid, device, clock } = await opened()
    device.onMessage = ({ channel, data }) => device.send(channel, PING, data)
    const data = createHash('shake256', { outputLength: Math.max(1, length) }).digest().subarray(0, length)
    const answer = await clock.through(hid.ping(data, { signal: forever }))
    expect(Buffer.compare(answer, data)).toBe(0)
    expect(device.reports).toHaveLength(1 + 1 + Math.ceil(Math.max(0, length - 57) / 59))
  })

  test('that is longer is refused, and nothing is sent', async () => {
    const { cbor, device } = await opened()
    await expect(cbor(new Uint8Array(7610))).rejects.toMatchObject({ code: 'not-available' })
    expect(device.reports).toHaveLength(1)
  })

  test('is not written before the report before it was', async () => {
    const { cbor, device, clock } = await opened()
    let writing = 0
    device.onWrite = async () => {
      expect(++writing).toBe(1)
      for (let i = 0; i < 5; i++) await Promise.resolve()
      writing--
    }
    reversing(device)
    await Promise.all([clock.through(cbor(new Uint8Array(500))), cbor(new Uint8Array(500))])
  })

  test('a response of 65,535 bytes is refused', async () => {
    const { cbor, device, clock } = await opened()
    device.onMessage = ({ channel }) => {
      for (const report of framed(channel, CBOR, new Uint8Array(57 + 59 * 127), 0xffff)) device.raw(report)
    }
    await expect(clock.through(cbor())).rejects.toMatchObject({ code: 'backend-failed', message: expect.stringContaining('7609') })
  })

  test('to a device without CTAP2, or without a light, is refused', async () => {
    const device = new ScriptedDevice()
    device.capabilities = 0
    const { cbor, hid } = await opened(device)
    await expect(cbor()).rejects.toMatchObject({ code: 'not-available' })
    await expect(hid.wink({ signal: forever })).rejects.toMatchObject({ code: 'not-available' })
  })

  test('wink is sent', async () => {
    const { hid, device, clock } = await opened()
    device.onMessage = ({ channel, command }) => device.send(channel, command, new Uint8Array())
    await clock.through(hid.wink({ signal: forever }))
    expect(device.heard.at(-1)).toMatchObject({ command: WINK })
  })
})

describe('a device that is not ready', () => {
  test('says so, for as long as it likes', async () => {
    const { hid, device, clock } = await opened()
    device.onMessage = ({ channel, command, data }) => {
      if (command !== CBOR) return
      let left = 100
      const tick = () => {
        if (left-- === 0) device.send(channel, CBOR, data)
        else {
          device.send(channel, KEEPALIVE, Uint8Array.of(left % 3))
          clock.wake(clock.now() + 4_000, tick)
        }
      }
      tick()
    }
    const heard: KeepAlive[] = []
    await expect(clock.through(hid.cbor(REQUEST, { signal: forever, onKeepAlive: status => heard.push(status) }))).resolves.toEqual(Uint8Array.of(4))
    expect(heard).toHaveLength(66)
    expect(new Set(heard)).toEqual(new Set(['processing', 'touch']))
  })

  test('and says nothing for 5 s is given up; the next request is told apart from it', async () => {
    const { cbor, device, clock } = await opened()
    let late: (() => void) | undefined
    device.onMessage = ({ channel, data }) => { late = () => device.send(channel, CBOR, data) }
    const before = clock.now()
    await expect(clock.through(cbor(Uint8Array.of(1, 1, 1)))).rejects.toMatchObject({ code: 'backend-failed' })
    expect(clock.now() - before).toBe(5_000)
    const channel = device.channel
    device.onInit = message => {
      late?.()
      device.welcome(message)
      return true
    }
    reversing(device)
    await expect(clock.through(cbor(Uint8Array.of(1, 2, 3)))).resolves.toEqual(Uint8Array.of(3, 2, 1))
    expect(device.heard.slice(-2)).toMatchObject([{ channel, command: INIT }, { channel, command: CBOR }])
  })

  test('is asked again when it serves another program, a little later each time', async () => {
    const { cbor, device, clock } = await opened()
    let asked = 0
    device.onMessage = ({ channel, data }) => {
      if (asked++ < 4) device.send(channel, ERROR, Uint8Array.of(BUSY))
      else device.send(channel, CBOR, data)
    }
    const before = clock.now()
    await clock.through(cbor())
    expect(clock.now() - before).toBe(50 + 100 + 200 + 400)
  })

  test('is given up when it does so for seconds', async () => {
    const { cbor, device, clock } = await opened()
    device.onMessage = ({ channel }) => device.send(channel, ERROR, Uint8Array.of(BUSY))
    await expect(clock.through(cbor())).rejects.toMatchObject({ code: 'device-busy' })
    expect(device.heard.filter(({ command }) => command === CBOR)).toHaveLength(11)
  })

  test('and says that it is busy once it has begun is not asked again: it may have done it', async () => {
    const { cbor, device, clock } = await opened()
    device.onMessage = ({ channel }) => {
      device.send(channel, KEEPALIVE, Uint8Array.of(1))
      device.send(channel, ERROR, Uint8Array.of(BUSY))
    }
    await expect(clock.through(cbor())).rejects.toMatchObject({ code: 'backend-failed' })
    expect(device.heard.filter(({ command }) => command === CBOR)).toHaveLength(1)
  })

  test('that another program has locked says so', async () => {
    const { cbor, device, clock } = await opened()
    device.onMessage = ({ channel }) => device.send(channel, ERROR, Uint8Array.of(LOCK_REQUIRED))
    await expect(clock.through(cbor())).rejects.toMatchObject({ code: 'device-busy' })
  })
})

describe('a channel that the device forgot', () => {
  test('is asked for anew, once', async () => {
    const { cbor, device, clock } = await opened()
    const stale = device.channel
    device.onMessage = ({ channel, data }) => {
      if (channel === stale) device.send(channel, ERROR, Uint8Array.of(INVALID_CHANNEL))
      else device.send(channel, CBOR, data)
    }
    await clock.through(cbor())
    device.onMessage = ({ channel }) => device.send(channel, ERROR, Uint8Array.of(INVALID_CHANNEL))
    const before = device.heard.length
    await expect(clock.through(cbor())).rejects.toMatchObject({ code: 'backend-failed' })
    expect(device.heard.slice(before).map(({ command }) => command)).toEqual([CBOR, INIT, CBOR])
  })

  test('also when that shows only while it is put right', async () => {
    const { cbor, device, clock } = await opened()
    await expect(clock.through(cbor())).rejects.toMatchObject({ code: 'backend-failed' })
    device.onInit = ({ channel }) => {
      if (channel !== BROADCAST) device.send(channel, ERROR, Uint8Array.of(INVALID_CHANNEL))
      return channel !== BROADCAST
    }
    reversing(device)
    await expect(clock.through(cbor(Uint8Array.of(1, 2)))).resolves.toEqual(Uint8Array.of(2, 1))
  })
})

describe('a device that breaks the protocol', () => {
  const broken: Readonly<Record<string, (device: ScriptedDevice, channel: number) => void>> = {
    'another command': (device, channel) => device.send(channel, PING, REQUEST),
    'an error without a code': (device, channel) => device.send(channel, ERROR, new Uint8Array()),
    'a keep-alive without a status': (device, channel) => device.send(channel, KEEPALIVE, new Uint8Array()),
    'a command that it does not know': (device, channel) => device.send(channel, ERROR, Uint8Array.of(INVALID_CMD)),
    'a timeout': (device, channel) => device.send(channel, ERROR, Uint8Array.of(MSG_TIMEOUT)),
    'a part left out': (device, channel) => framed(channel, CBOR, new Uint8Array(300)).filter((_, i) => i !== 2).forEach(report => device.raw(report)),
    'a part twice': (device, channel) => framed(channel, CBOR, new Uint8Array(300)).flatMap((report, i) => i === 2 ? [report, report] : [report]).forEach(report => device.raw(report)),
    'a response within a response': (device, channel) => framed(channel, CBOR, new Uint8Array(300)).flatMap((report, i) => i === 2 ? [...framed(channel, CBOR, REQUEST)] : [report]).forEach(report => device.raw(report)),
    'a keep-alive within a response': (device, channel) => framed(channel, CBOR, new Uint8Array(300)).flatMap((report, i) => i === 2 ? [...framed(channel, KEEPALIVE, Uint8Array.of(1)), report] : [report]).forEach(report => device.raw(report)),
    'half a response': (device, channel) => framed(channel, CBOR, new Uint8Array(300)).slice(0, 3).forEach(report => device.raw(report)),
    'a short report': device => device.raw(new Uint8Array(63)),
    'a long report': device => device.raw(new Uint8Array(65)),
    'an empty report': device => device.raw(new Uint8Array()),
  }
  test.each(Object.entries(broken))('by %s fails, and can be used again', async (_, act) => {
    const { cbor, device, clock } = await opened()
    device.onMessage = ({ channel }) => act(device, channel)
    await expect(clock.through(cbor())).rejects.toMatchObject({ code: 'backend-failed' })
    reversing(device)
    await expect(clock.through(cbor(Uint8Array.of(1, 2, 3)))).resolves.toEqual(Uint8Array.of(3, 2, 1))
    expect(clock.alarms).toBe(0)
  })

  test('in the middle of a request is not sent the rest of it', async () => {
    const { cbor, device, clock } = await opened()
    device.onWrite = () => {
      if (device.reports.length === 5) device.send(device.channel, ERROR, Uint8Array.of(MSG_TIMEOUT))
      return Promise.resolve()
    }
    await expect(clock.through(cbor(new Uint8Array(5_000)))).rejects.toMatchObject({ code: 'backend-failed' })
    expect(device.reports).toHaveLength(5)
  })

  test('by never taking a report is given up', async () => {
    const { cbor, device, clock } = await opened()
    device.onWrite = () => new Promise(() => {})
    await expect(clock.through(cbor())).rejects.toMatchObject({ code: 'backend-failed' })
    await expect(clock.through(cbor())).rejects.toMatchObject({ code: 'backend-failed' })
    expect(device.reports).toHaveLength(2)
  })

  test('by refusing a report', async () => {
    const { cbor, device, clock } = await opened()
    device.onWrite = () => Promise.reject(new Error('EIO'))
    await expect(clock.through(cbor())).rejects.toMatchObject({ code: 'backend-failed', cause: { message: 'EIO' } })
  })

  test('a listener that throws fails its own request alone', async () => {
    const { hid, cbor, device, clock } = await opened()
    device.onMessage = ({ channel }) => device.send(channel, KEEPALIVE, Uint8Array.of(2))
    await expect(clock.through(hid.cbor(REQUEST, { signal: forever, onKeepAlive: () => { throw new Error('of its own') } }))).rejects.toThrow('of its own')
    reversing(device)
    await clock.through(cbor())
  })
})

describe('an abort', () => {
  test('has the device stop, and waits until it has', async () => {
    const { cbor, device, clock } = await opened()
    device.onMessage = ({ channel, command }) => {
      if (command === CANCEL) device.send(channel, CBOR, Uint8Array.of(0x2d))
    }
    const controller = new AbortController()
    const waiting = cbor(REQUEST, controller.signal)
    await turn()
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    expect(device.heard.at(-1)).toMatchObject({ command: CANCEL, data: Buffer.alloc(0) })
    reversing(device)
    const before = device.heard.length
    await clock.through(cbor())
    expect(device.heard).toHaveLength(before + 1)
  })

  test('waits a second, whatever else the device says, and the next request is told apart', async () => {
    const { cbor, device, clock } = await opened()
    device.onMessage = ({ channel, command }) => {
      if (command !== CANCEL) return
      const tick = () => {
        device.send(channel, KEEPALIVE, Uint8Array.of(2))
        if (!hasEnded) clock.wake(clock.now() + 100, tick)
      }
      tick()
    }
    let hasEnded = false
    const controller = new AbortController()
    const waiting = cbor(REQUEST, controller.signal).finally(() => { hasEnded = true })
    await turn()
    const before = clock.now()
    controller.abort(new Error('enough'))
    await expect(clock.through(waiting)).rejects.toThrow('enough')
    expect(clock.now() - before).toBe(1_000)
    reversing(device)
    await clock.through(cbor())
    expect(device.heard.slice(-2).map(({ command }) => command)).toEqual([INIT, CBOR])
  })

  test('before its turn removes it at once, and the others keep theirs', async () => {
    const { cbor, device, clock } = await opened()
    let answer: () => void = () => {}
    device.onMessage = ({ channel, command, data }) => {
      if (command === CBOR) answer = () => device.send(channel, CBOR, data)
    }
    const controller = new AbortController()
    const order: number[] = []
    const first = cbor(Uint8Array.of(1)).then(() => order.push(1))
    const second = cbor(Uint8Array.of(2), controller.signal)
    const third = cbor(Uint8Array.of(3)).then(() => order.push(3))
    const fourth = cbor(Uint8Array.of(4)).then(() => order.push(4))
    await turn()
    controller.abort(new Error('enough'))
    await expect(second).rejects.toThrow('enough')
    device.onMessage = ({ channel, data }) => device.send(channel, CBOR, data)
    answer()
    await clock.through(Promise.all([first, third, fourth]))
    expect(order).toEqual([1, 3, 4])
    expect(device.heard.filter(({ command }) => command === CBOR).map(({ data }) => data[0])).toEqual([1, 3, 4])
  })

  test('of one whose turn has just come lets the next have it', async () => {
    const { cbor, device, clock } = await opened()
    let answer: () => void = () => {}
    device.onMessage = ({ channel, data }) => { answer = () => device.send(channel, CBOR, data) }
    const controller = new AbortController()
    const first = cbor(Uint8Array.of(1))
    const second = cbor(Uint8Array.of(2), controller.signal)
    const third = cbor(Uint8Array.of(3))
    await turn()
    void first.then(() => controller.abort(new Error('enough')))
    device.onMessage = ({ channel, command, data }) => device.send(channel, CBOR, command === CANCEL ? Uint8Array.of(0x2d) : data)
    answer()
    await expect(clock.through(second)).rejects.toThrow('enough')
    await expect(clock.through(third)).resolves.toEqual(Uint8Array.of(3))
  })

  test('while a request is written stops that, and the device is told by the next', async () => {
    const { cbor, device, clock } = await opened()
    const controller = new AbortController()
    device.onWrite = () => {
      if (device.reports.length === 4) controller.abort(new Error('enough'))
      return Promise.resolve()
    }
    await expect(clock.through(cbor(new Uint8Array(5_000), controller.signal))).rejects.toThrow('enough')
    expect(device.reports).toHaveLength(4)
    reversing(device)
    await clock.through(cbor())
    expect(device.heard.slice(-2).map(({ command }) => command)).toEqual([INIT, CBOR])
  })

  test('while it waits for a busy device ends that at once', async () => {
    const { cbor, device, clock } = await opened()
    device.onMessage = ({ channel }) => device.send(channel, ERROR, Uint8Array.of(BUSY))
    const controller = new AbortController()
    const waiting = cbor(REQUEST, controller.signal)
    await turn()
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    expect(clock.alarms).toBe(0)
  })

  test('that came before it was asked sends nothing', async () => {
    const { cbor, device } = await opened()
    await expect(cbor(REQUEST, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    expect(device.reports).toHaveLength(1)
  })
})

describe('a device that is gone', () => {
  test('ends all requests', async () => {
    const { hid, cbor, device, clock } = await opened()
    const waiting = [cbor(), cbor(), hid.ping(REQUEST, { signal: forever })]
    await turn()
    device.unplug()
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'device-gone', cause: { message: 'unplugged' } })
    await expect(cbor()).rejects.toMatchObject({ code: 'device-gone' })
    expect(hid.gone.reason).toMatchObject({ code: 'device-gone' })
    expect(clock.alarms).toBe(0)
  })

  test('shows when it is written to', async () => {
    const { hid, cbor, device } = await opened()
    device.isClosed = true
    await expect(cbor()).rejects.toMatchObject({ code: 'device-gone' })
    expect(hid.gone.aborted).toBe(true)
  })

  test('while it is opened', async () => {
    const device = new ScriptedDevice()
    device.onInit = () => {
      device.unplug()
      return true
    }
    await expect(opened(device)).rejects.toMatchObject({ code: 'device-gone' })
  })

  test('so is one that was closed', async () => {
    const { hid, cbor, device } = await opened()
    const waiting = [cbor(), cbor()]
    await turn()
    await hid.close()
    await hid.close()
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'device-gone' })
    expect(device.isClosed).toBe(true)
  })
})
