import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { NodeHid } from '../../../src/backends/hid/node/node-hid.ts'
import type { HidListener } from '../../../src/backends/hid/hid.ts'

type Load = NonNullable<ConstructorParameters<typeof NodeHid>[0]>
const code = (expected: string, text: string): unknown => expect.objectContaining({ code: expected, message: expect.stringContaining(text) })
const found = (path: string, usagePage = 0xf1d0) => ({ path, usagePage, vendorId: 1, productId: 2, product: 'Key', release: 0, interface: 0 })
const device = { path: '/dev/hidraw7', vendorId: 1, productId: 2 }

/** What node-hid does, as far as it is used. */
class Raw extends EventEmitter {
  readonly written: number[][] = []
  failure: Error | undefined
  closed = 0
  async write(values: number[] | Buffer): Promise<number> {
    if (this.failure !== undefined) throw this.failure
    this.written.push([...values])
    return values.length
  }
  async close(): Promise<void> {
    this.closed++
  }
}

function library(devices: () => Promise<unknown>, open: (path: string) => Promise<unknown> = async () => new Raw()): Load {
  return async () => ({ devicesAsync: devices, HIDAsync: { open } }) as never
}

function heard(): HidListener & { readonly reports: Uint8Array[]; readonly ends: unknown[] } {
  const [reports, ends]: [Uint8Array[], unknown[]] = [[], []]
  return { reports, ends, report: bytes => void reports.push(bytes), gone: error => void ends.push(error) }
}

describe('devices through node-hid', () => {
  test('are those of the usage page of FIDO, and nothing is said of what they do not say', async () => {
    const hid = new NodeHid(library(async () => [found('/dev/hidraw0', 1), { ...found('/dev/hidraw7'), serialNumber: '', manufacturer: 'Maker' }, { ...found('x'), path: undefined }]))
    expect(await hid.list()).toEqual([{ path: '/dev/hidraw7', vendorId: 1, productId: 2, product: 'Key', manufacturer: 'Maker' }])
  })

  test('get each report behind a zero byte, and theirs come without one, with what came before anybody listened', async () => {
    const raw = new Raw()
    const connection = await new NodeHid(library(async () => [], async () => raw)).open(device)
    raw.emit('data', Buffer.alloc(64, 1))
    const listener = heard()
    connection.listen(listener)
    const bytes = Buffer.alloc(64, 2)
    raw.emit('data', bytes)
    bytes.fill(9)
    expect(listener.reports).toEqual([new Uint8Array(64).fill(1), new Uint8Array(64).fill(2)])
    await connection.write(new Uint8Array(64).fill(3))
    expect(raw.written).toEqual([[0, ...Array.from({ length: 64 }, () => 3)]])
    await connection.close()
    await connection.close()
    expect(raw.closed).toBe(1)
    raw.emit('data', Buffer.alloc(64))
    raw.emit('error', new Error('read failed'))
    expect(listener.reports).toHaveLength(2)
    expect(listener.ends).toEqual([])
    await expect(connection.write(new Uint8Array(64))).rejects.toEqual(code('device-gone', 'plug it in'))
  })

  test('that fail are gone: once, also for who listens later, and for who writes', async () => {
    const raw = new Raw()
    const connection = await new NodeHid(library(async () => [], async () => raw)).open(device)
    raw.emit('error', new Error('could not read from HID device'))
    raw.emit('error', new Error('could not read from HID device'))
    const listener = heard()
    connection.listen(listener)
    expect(listener.ends).toEqual([code('device-gone', 'plug it in')])
    await expect(connection.write(new Uint8Array(64))).rejects.toEqual(code('device-gone', 'plug it in'))
    const other = new Raw()
    other.failure = new Error('Cannot write to hid device')
    await expect((await new NodeHid(library(async () => [], async () => other)).open(device)).write(new Uint8Array(64))).rejects.toEqual(code('device-gone', ''))
  })

  const failing = (reach: string | undefined, present = true) => new NodeHid(
    library(async () => present ? [found(device.path)] : [], async () => { throw new TypeError('cannot open device with path /dev/hidraw7') }),
    async () => { if (reach !== undefined) throw Object.assign(new Error(reach), { code: reach }) },
  ).open(device)
  test('that can\'t be opened: it is said why, and what to do', async () => {
    await expect(failing(undefined, false)).rejects.toEqual(code('device-gone', '/dev/hidraw7'))
    await expect(failing('EACCES')).rejects.toEqual(code('device-unavailable', 'KERNEL=="hidraw*"'))
    await expect(failing('EPERM')).rejects.toEqual(code('device-unavailable', 'ID_FIDO_TOKEN'))
    // Paths are no files everywhere.
    await expect(failing('ENOENT')).rejects.toEqual(code('device-unavailable', 'another program'))
    await expect(failing(undefined)).rejects.toEqual(code('device-unavailable', 'another program'))
  })

  test('without the package, or the library that it needs: it is said what to install', async () => {
    const missing = Object.assign(new Error("Cannot find package 'node-hid'"), { code: 'ERR_MODULE_NOT_FOUND' })
    await expect(new NodeHid(async () => { throw missing }).list()).rejects.toEqual(code('device-unavailable', 'npm install node-hid'))
    const unlinked = new Error('libusb-1.0.so.0: cannot open shared object file: No such file or directory')
    await expect(new NodeHid(async () => { throw unlinked }).list()).rejects.toEqual(code('device-unavailable', 'libusb-1.0-0'))
    // The binding is loaded by the first call.
    await expect(new NodeHid(library(async () => { throw unlinked })).list()).rejects.toEqual(code('device-unavailable', 'libusb-1.0-0'))
    await expect(new NodeHid(library(async () => { throw unlinked }, async () => { throw unlinked })).open(device)).rejects.toEqual(code('device-unavailable', 'libusb-1.0-0'))
  })

  test('of this very machine are listed, or it is said what is missing', async () => {
    const listed = await new NodeHid().list().catch((error: { code?: string }) => error.code)
    expect(Array.isArray(listed) || listed === 'device-unavailable').toBe(true)
  })
})
