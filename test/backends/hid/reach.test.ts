import { describe, expect, test } from 'vitest'
import { Fault } from '../../../src/core/errors.ts'
import { createNode } from '../../../src/index.ts'
import { openHid } from '../../../src/hid.ts'
import type { Asked, HidDevices, Shown } from '../../../src/hid.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import { PluggedIn } from '../../authenticator/plugged-in.ts'
import { PIN, Person, world } from './hids.ts'

const { signal } = new AbortController()
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const unavailable = () => Promise.reject(new Fault('device-unavailable', 'This process has no right to open it'))

/** Devices of which those can't be opened. */
function closed(devices: HidDevices, paths: () => readonly string[]): HidDevices {
  return { list: () => devices.list(), open: device => paths().includes(device.path) ? unavailable() : devices.open(device) }
}

describe('what can\'t be reached is said at once:', () => {
  test('a machine that has no library for devices', async () => {
    await using node = await createNode()
    const hid = await openHid(node, { devices: { list: unavailable, open: unavailable }, prompt: new Person() })
    await expect(hid.devices()).rejects.toEqual(code('device-unavailable'))
    const begun = performance.now()
    for (const key of ['one', 'two']) await expect(hid.backend.generate({ key, params: 'P256', capabilities: 'Commit' }, signal)).rejects.toEqual(code('device-unavailable'))
    expect(performance.now() - begun).toBeLessThan(5_000)
    await hid.close()
  })

  test('a device that this process must not open; another one is taken', async () => {
    await using node = await createNode()
    const devices = new PluggedIn()
    const path = devices.plug(new SoftwareAuthenticator({ pin: PIN }))
    const hid = await openHid(node, { devices: closed(devices, () => [path]), prompt: new Person() })
    const generate = () => hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'Commit' }, signal)
    await expect(generate()).rejects.toEqual(code('device-unavailable'))
    devices.plug(new SoftwareAuthenticator({ pin: PIN }))
    await generate()
    await hid.close()
  })
})

test('a device to which this process has no right yet, as it is when it was just plugged in, is opened when it has', async () => {
  await using node = await createNode()
  const devices = new PluggedIn()
  const path = devices.plug(new SoftwareAuthenticator({ pin: PIN }))
  let tries = 0
  const hid = await openHid(node, { devices: closed(devices, () => ++tries < 4 ? [path] : []), prompt: new Person() })
  await hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'Commit' }, signal)
  expect(tries).toBe(4)
  await hid.close()
})

describe('of several devices', () => {
  const waits = { pin: PIN, touch: () => new Promise<boolean>(() => {}) }

  test('none is chosen by a person who says no, and each is told that it need not wait', async () => {
    class Unwilling extends Person {
      override choose(_: Asked): Shown {
        return Promise.resolve('denied')
      }
    }
    await using made = await world([waits, waits], { person: new Unwilling() })
    await expect(made.hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'Commit' }, signal)).rejects.toEqual(code('denied'))
    // They serve the next.
    await expect.poll(() => made.states().at(-1)).toBe('ready')
    await expect(made.hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'Commit' }, signal)).rejects.toEqual(code('denied'))
  })

  test('that are of CTAP 2.0, or only one of them, the one that is touched is taken too', async () => {
    const touched = { pin: PIN, versions: ['FIDO_2_0'], touch: () => new Promise<boolean>(resolve => void setImmediate(resolve, true)) }
    for (const versions of [['FIDO_2_0'], ['FIDO_2_1']]) {
      await using made = await world([{ ...waits, versions }, touched])
      await made.hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'Commit' }, signal)
    }
  })

  test('the one that is touched is taken, and the touch of the other is worth nothing', async () => {
    const touched = { pin: PIN, touch: () => new Promise<boolean>(resolve => void setImmediate(resolve, true)) }
    await using made = await world([waits, touched])
    const identity = await made.hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'Commit' }, signal)
    expect(made.person.asked.map(({ of }) => of).slice(0, 2)).toEqual(['choose', 'pin'])
    const signer = await made.hid.backend.signer(identity, signal)
    await signer.sign(new Uint8Array(1), signal)
  })
})
