/** In bytes, each way (CTAP 2.1, section 11.2.2). */
export const REPORT_LENGTH = 64

const FIRST_HEAD = 7
const NEXT_HEAD = 5
const FIRST_DATA = REPORT_LENGTH - FIRST_HEAD
const NEXT_DATA = REPORT_LENGTH - NEXT_HEAD
/** Continuation packets are numbered from 0 to 127. */
const MOST_NEXT = 128

/** In bytes: what one message can hold (CTAP 2.1, section 11.2.4). */
export const LONGEST_MESSAGE = FIRST_DATA + MOST_NEXT * NEXT_DATA

/** Where a channel is asked for (CTAP 2.1, section 11.2.3). */
export const BROADCAST = 0xffff_ffff

/** Marks the first packet of a message, in the byte that is the command there, and the number elsewhere. */
const FIRST = 0x80

/** CTAP 2.1, section 11.2.9. */
export const COMMAND = { ping: 0x01, init: 0x06, wink: 0x08, cbor: 0x10, cancel: 0x11, keepAlive: 0x3b, error: 0x3f } as const

/** Those errors that asking again may help against (CTAP 2.1, section 11.2.9.1.6). */
export const CHANNEL_BUSY = 0x06
export const INVALID_CHANNEL = 0x0b

/** What one report holds. The data of the last of a message is padded. */
export type Packet =
  | { readonly kind: 'first'; readonly channel: number; readonly command: number; readonly length: number; readonly data: Uint8Array }
  | { readonly kind: 'next'; readonly channel: number; readonly sequence: number; readonly data: Uint8Array }

/** The packet in a report of the right length. */
export function readPacket(report: Uint8Array): Packet {
  const view = new DataView(report.buffer, report.byteOffset, report.byteLength)
  const channel = view.getUint32(0)
  const kind = view.getUint8(4)
  if (kind < FIRST) return { kind: 'next', channel, sequence: kind, data: report.subarray(NEXT_HEAD) }
  return { kind: 'first', channel, command: kind - FIRST, length: view.getUint16(5), data: report.subarray(FIRST_HEAD) }
}

/** The reports that carry a message of up to {@link LONGEST_MESSAGE} bytes, each padded with zeros. */
export function* reportsOf(channel: number, command: number, message: Uint8Array): Generator<Uint8Array> {
  const first = reportOf(channel, FIRST | command, FIRST_HEAD, message.subarray(0, FIRST_DATA))
  new DataView(first.buffer).setUint16(5, message.length)
  yield first
  for (let at = FIRST_DATA, sequence = 0; at < message.length; at += NEXT_DATA, sequence++) {
    yield reportOf(channel, sequence, NEXT_HEAD, message.subarray(at, at + NEXT_DATA))
  }
}

function reportOf(channel: number, kind: number, head: number, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const report = new Uint8Array(REPORT_LENGTH)
  const view = new DataView(report.buffer)
  view.setUint32(0, channel)
  view.setUint8(4, kind)
  report.set(data, head)
  return report
}
