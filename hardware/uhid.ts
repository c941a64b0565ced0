import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { SoftwareAuthenticator } from '../test/authenticator/authenticator.ts'
import { CtapHidDevice } from '../test/authenticator/ctaphid-device.ts'
import { kindOf } from '../test/authenticator/kinds.ts'

/** The type of an event, linux/uhid.h. */
const TYPE = { destroy: 1, stop: 3, output: 6, create: 11, input: 12 } as const
const EVENT = 4380
/** Usage page 0xF1D0, usage 1; reports of 64 bytes each way (CTAP 2.1, section 11.2.8.2). */
const DESCRIPTOR = Buffer.from('06d0f10901a1010920150026ff007508954081020921150026ff00750895409102c0', 'hex')
const REPORT = 64
const BUS_USB = 3

/** A software authenticator as a device of the kernel, until it is unplugged or this process ends. */
class UhidDevice {
  readonly #kernel: FileHandle
  readonly #device: CtapHidDevice
  #written: Promise<unknown>

  private constructor(kernel: FileHandle, serial: string, authenticator: SoftwareAuthenticator) {
    this.#kernel = kernel
    this.#written = kernel.write(creation(serial))
    this.#device = new CtapHidDevice(authenticator, report => this.#write(input(report)))
    this.#device.powerCycle()
  }

  static async plug(serial: string, authenticator: SoftwareAuthenticator): Promise<UhidDevice> {
    const device = new UhidDevice(await open('/dev/uhid', 'r+'), serial, authenticator)
    void device.#read()
    return device
  }

  unplug(): void {
    this.#device.powerCycle()
    const event = Buffer.alloc(4)
    event.writeUInt32LE(TYPE.destroy)
    this.#write(event)
  }

  #write(event: Uint8Array): void {
    this.#written = this.#written.then(() => this.#kernel.write(event))
  }

  async #read(): Promise<void> {
    const event = Buffer.alloc(EVENT)
    for (let type = 0; type !== TYPE.stop; type = event.readUInt32LE()) {
      if (type === TYPE.output) this.#device.receive(reportOf(event))
      await this.#kernel.read(event, 0, EVENT, null)
    }
    await this.#kernel.close()
  }
}

function creation(serial: string): Buffer {
  const event = Buffer.alloc(4376)
  event.writeUInt32LE(TYPE.create)
  event.write('Software authenticator', 4)
  event.write('tests/0', 132)
  event.write(serial, 196)
  event.writeUInt16LE(DESCRIPTOR.length, 260)
  event.writeUInt16LE(BUS_USB, 262)
  event.writeUInt32LE(0xf055, 264)
  event.writeUInt32LE(0x0001, 268)
  event.set(DESCRIPTOR, 280)
  return event
}

function input(report: Uint8Array): Buffer {
  const event = Buffer.alloc(6 + report.length)
  event.writeUInt32LE(TYPE.input)
  event.writeUInt16LE(report.length, 4)
  event.set(report, 6)
  return event
}

/** Of an output event. The number of the report comes before it: 0, where there is one report. */
function reportOf(event: Buffer): Uint8Array {
  const end = 4 + event.readUInt16LE(4100)
  return Uint8Array.from(event.subarray(Math.max(4, end - REPORT), end))
}

const keys = new Map<string, SoftwareAuthenticator>()
const plugged = new Map<string, Promise<UhidDevice>>()

function plug(serial: string, json: string): void {
  const key = keys.get(serial) ?? new SoftwareAuthenticator(kindOf(json))
  keys.set(serial, key)
  plugged.set(serial, UhidDevice.plug(serial, key))
}

// Its parent tells it what to plug in and out.
process.on('message', ({ plug: serial, unplug, json = '{}' }: { readonly plug?: string; readonly unplug?: string; readonly json?: string }) => {
  if (serial !== undefined) plug(serial, json)
  if (unplug !== undefined) void plugged.get(unplug)?.then(device => device.unplug())
})
