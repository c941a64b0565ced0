import { Fault } from '../../core/errors.ts'
import { secretCopy } from '../secret-bytes.ts'

/**
 * A key in DER: what comes before its bytes, and these. Throws `invalid-argument` unless they are `length` bytes: OpenSSL reads as many as
 * the DER says, and ignores what follows.
 */
export function keyDer(prefix: Uint8Array, key: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  if (key.length !== length) throw new Fault('invalid-argument', `A key of this kind is ${length} bytes`)
  return secretCopy(prefix, key)
}
