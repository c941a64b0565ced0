import { base64urlnopad } from '@scure/base'
import { env } from 'node:process'
import { Fault } from '../../../core/errors.ts'
import { isBytesOf } from '../../../crypto/bytes.ts'
import { secretFrom } from '../../../crypto/secret-bytes.ts'
import { KEY_LENGTH } from '../keyslot-format.ts'
import type { Unlocker } from '../root-keys.ts'

/**
 * Opens the slots of a key that an environment variable holds: 32 random bytes in base64url without padding, which is 43 characters. It is read when it is
 * needed. Its secret rejects with `not-available` when there is no such variable, `invalid-argument` when it holds something else.
 */
export function environmentKey(variable: string): Unlocker {
  return Object.freeze({
    kind: 'environment',
    async secret() {
      const text = env[variable]
      if (text === undefined) throw new Fault('not-available', `The environment has no variable ${variable}`)
      const key = decoded(text)
      if (isBytesOf(key, KEY_LENGTH)) return key
      throw new Fault('invalid-argument', `The variable ${variable} must be ${KEY_LENGTH} random bytes in base64url, which is 43 characters`)
    },
  })
}

/** The decoder's own error would quote the key. */
function decoded(text: string): Uint8Array | undefined {
  try {
    return secretFrom(base64urlnopad.decode(text))
  } catch {
    return undefined
  }
}
