import { Fault } from '../../core/errors.ts'
import { requireBytes } from '../bytes.ts'
import type { Opener } from '../encryption.ts'

/** An opener that can be erased: it lets go of `open`, and with it of keys that only the platform can overwrite; `erase` is for others. */
export function openerOf(open: Opener['open'], erase?: () => void): Opener {
  let usable: Opener['open'] | undefined = open
  return Object.freeze({
    open(info: Uint8Array, enc: Uint8Array, ciphertext: Uint8Array) {
      if (usable === undefined) throw new Fault('invalid-argument', 'This opener was erased: make another')
      requireBytes(info, 'The info')
      requireBytes(enc, 'The encapsulated key')
      requireBytes(ciphertext, 'The ciphertext')
      return usable(info, enc, ciphertext)
    },
    erase() {
      usable = undefined
      erase?.()
    },
  })
}
