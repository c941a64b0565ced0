import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { encodeData } from '../core/encoding.ts'
import { IpseError } from '../core/errors.ts'
import type { Observed } from '../runtime/observation.ts'

/** A digest of everything that nodes were seen to do, in order. */
export class TraceHash {
  readonly #hash = sha256.create()

  add(node: string, event: Observed): void {
    const { error, ...rest } = { error: undefined, ...event }
    // An error is no data, and the text of a foreign one may differ between platforms.
    const failure = error === undefined ? {} : { error: error instanceof IpseError ? error.code : error instanceof Error ? error.name : typeof error }
    this.#hash.update(encodeData([node, { ...rest, ...failure }]))
  }

  /** SHA-256 over the events so far, in hexadecimal. */
  digest(): string {
    return bytesToHex(this.#hash.clone().digest())
  }
}
