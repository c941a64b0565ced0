import { closeSync, openSync, readSync } from 'node:fs'
import type { Needle } from './forms.ts'
import type { Kind, Region } from './memory-map.ts'

export interface Hit {
  readonly needle: Needle
  readonly kind: Kind
  readonly address: number
}

const CHUNK = 4 * 2 ** 20

/** Every place in these regions of a process at which one of the needles is. The process should be waiting meanwhile. Needs the rights of a debugger. */
export function scan(pid: number, regions: readonly Region[], needles: readonly Needle[]): readonly Hit[] {
  const index = new Index(needles)
  const buffer = Buffer.alloc(CHUNK + index.overlap)
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const hits: Hit[] = []
  try {
    for (const { from, to, kind } of regions) {
      for (let at = from; at < to; at += CHUNK) {
        const text = buffer.subarray(0, read(memory, buffer.subarray(0, to - at), at))
        index.search(text, CHUNK, (needle, offset) => hits.push({ needle, kind, address: at + offset }))
      }
    }
  } finally {
    closeSync(memory)
  }
  return hits
}

/** How much could be read: some regions can't be, such as those of devices. */
function read(memory: number, buffer: Buffer, at: number): number {
  try {
    return readSync(memory, buffer, 0, buffer.length, at)
  } catch {
    return 0
  }
}

/** Finds many needles in one pass: by their first two bytes, then by four, and then whole. */
class Index {
  readonly overlap: number
  readonly #begins = new Uint8Array(0x1_0000)
  readonly #byHead = new Map<number, readonly Needle[]>()

  constructor(needles: readonly Needle[]) {
    this.overlap = Math.max(...needles.map(({ bytes }) => bytes.length)) - 1
    for (const needle of needles) {
      this.#begins[needle.bytes.readUInt16LE()] = 1
      const head = needle.bytes.readUInt32LE()
      this.#byHead.set(head, [...this.#byHead.get(head) ?? [], needle])
    }
  }

  /** Those that begin before `end`. */
  search(text: Buffer, end: number, found: (needle: Needle, offset: number) => void): void {
    const begins = this.#begins
    const last = Math.min(end, text.length - 3)
    let two = (text[0] ?? 0) << 8
    for (let at = 0; at < last; at++) {
      two = two >> 8 | (text[at + 1] ?? 0) << 8
      if (begins[two] === 0) continue
      for (const needle of this.#byHead.get(text.readUInt32LE(at)) ?? []) {
        if (needle.bytes.equals(text.subarray(at, at + needle.bytes.length))) found(needle, at)
      }
    }
  }
}
