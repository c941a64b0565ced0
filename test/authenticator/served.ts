import { SoftwareAuthenticator } from './authenticator.ts'
import { CtapHidDevice } from './ctaphid-device.ts'
import { kindOf } from './kinds.ts'

// Speaks reports of 64 bytes on standard input and output, for another process. One for channel 0, which there is not, is for this program: after its 4
// zero bytes come a u16 and so many bytes of JSON, padded to whole reports: the kind of a new device, which takes the place of that before. Without JSON,
// the device is unplugged and plugged in again.
const REPORT = 64
let device: CtapHidDevice | undefined
let pending = Buffer.alloc(0)

function told(json: string): void {
  device?.powerCycle()
  if (json !== '') device = new CtapHidDevice(new SoftwareAuthenticator(kindOf(json)), report => process.stdout.write(report))
}

process.stdin.on('data', (chunk: Buffer) => {
  pending = Buffer.concat([pending, chunk])
  for (let size = REPORT; pending.length >= size; pending = pending.subarray(size), size = REPORT) {
    if (pending.readUInt32BE() !== 0) {
      device?.receive(pending.subarray(0, REPORT))
      continue
    }
    const end = 6 + pending.readUInt16BE(4)
    size = Math.ceil(end / REPORT) * REPORT
    if (pending.length < size) break
    told(pending.toString('utf8', 6, end))
  }
})
