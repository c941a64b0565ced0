import { argon2idAsync } from '@noble/hashes/argon2.js'
import { Fault } from '../core/errors.ts'
import { requireBytes } from './bytes.ts'
import { choiceOf } from './choice.ts'
import type { Entry } from './choice.ts'
import type { NodePlatform } from './node/platform.ts'
import { secretFrom } from './secret-bytes.ts'
import type { Path } from './suite.ts'

/** What Argon2id costs (RFC 9106, section 3.1): whoever guesses pays it for each guess. */
export interface Argon2Parameters {
  /** In KiB. */
  readonly memory: number
  readonly passes: number
  /** What can be computed at a time. */
  readonly lanes: number
}

/** The second of the two that RFC 9106, section 4, recommends, with one lane: no code here computes several at a time. */
export const ARGON2_DEFAULT: Argon2Parameters = Object.freeze({ memory: 65_536, passes: 3, lanes: 1 })

/**
 * What is computed at all. The least is what OWASP's cheat sheet on storing passwords asks for; more than the most is an attack on whoever reads parameters that
 * a stranger may have written.
 */
export const ARGON2_BOUNDS = Object.freeze({
  memory: Object.freeze({ least: 19_456, most: 1_048_576, what: 'memory in KiB' }),
  passes: Object.freeze({ least: 2, most: 10, what: 'passes' }),
  lanes: Object.freeze({ least: 1, most: 4, what: 'lanes' }),
})

/** What of the parameters is out of bounds, in words, or `undefined`. */
export function outOfBounds(parameters: Argon2Parameters): string | undefined {
  const problem = ([field, { least, most, what }]: readonly [keyof Argon2Parameters, Bound]) => {
    const value = parameters[field]
    return Number.isSafeInteger(value) && value >= least && value <= most ? [] : [`${what} from ${least} to ${most}, and not ${String(value)}`]
  }
  const { memory, passes, lanes } = ARGON2_BOUNDS
  const [first] = [...problem(['memory', memory]), ...problem(['passes', passes]), ...problem(['lanes', lanes])]
  return first
}

interface Bound {
  readonly least: number
  readonly most: number
  readonly what: string
}

/** What is hashed, unbounded. */
export interface Argon2Input extends Argon2Parameters {
  readonly password: Uint8Array
  /** 8 bytes at least. */
  readonly salt: Uint8Array
  readonly secret?: Uint8Array
  readonly associated?: Uint8Array
}

/** Argon2id version 0x13, to 32 bytes, by one library. Has no bounds: published vectors are below ours. */
export interface Argon2 {
  readonly name: 'Argon2id'
  readonly path: Path
  hash(input: Argon2Input): Promise<Uint8Array>
}

const LENGTH = 32

const portable: Argon2 = {
  name: 'Argon2id',
  path: 'portable',
  // It lets the event loop take its turns.
  hash: async ({ password, salt, secret, associated, memory, passes, lanes }) => secretFrom(await argon2idAsync(password, salt, {
    version: 0x13, dkLen: LENGTH, m: memory, t: passes, p: lanes, ...secret && { key: secret }, ...associated && { personalization: associated },
  })),
}

/** By OpenSSL in a thread of Node.js, which has it from 24.7 on. */
function native({ crypto }: NodePlatform): Argon2 | undefined {
  if (typeof crypto.argon2 !== 'function') return undefined
  return {
    name: 'Argon2id',
    path: 'native',
    hash: ({ password, salt, secret, associated, memory, passes, lanes }) => new Promise((resolve, reject) => {
      crypto.argon2('argon2id', {
        message: password, nonce: salt, memory, passes, parallelism: lanes, tagLength: LENGTH,
        ...secret && { secret }, ...associated && { associatedData: associated },
      }, (error, hash) => error === null ? resolve(secretFrom(new Uint8Array(hash.buffer, hash.byteOffset, hash.length))) : reject(error))
    }),
  }
}

const entry: Entry<Pick<Argon2, 'name'>, Argon2> = { facts: { name: 'Argon2id' }, portable, native }
const choice = choiceOf<Pick<Argon2, 'name'>, Argon2>([entry], ({ name }) => name)

/** The one in use; or that of one path, if there is one. */
export function argon2(path?: Path): Argon2 | undefined {
  return choice.all(path)[0]
}

/**
 * 32 bytes of a passphrase and a salt of 16 or more, by Argon2id. Rejects with `invalid-argument`, naming the bound, for parameters out of
 * {@link ARGON2_BOUNDS}; with `backend-failed` where there is not that much memory, and with `not-available` where IPSE_CRYPTO asks for what is not there.
 */
export async function argon2id(password: Uint8Array, salt: Uint8Array, parameters: Argon2Parameters): Promise<Uint8Array> {
  requireBytes(password, 'The passphrase')
  requireBytes(salt, 'The salt')
  if (salt.length < 16) throw new Fault('invalid-argument', 'A salt of Argon2id is 16 random bytes or more')
  const problem = outOfBounds(parameters)
  if (problem !== undefined) throw new Fault('invalid-argument', `Argon2id takes ${problem}`)
  const { memory, passes, lanes } = parameters
  const code = argon2()
  if (code === undefined) throw new Fault('not-available', 'There is no Argon2id here')
  try {
    return await code.hash({ password, salt, memory, passes, lanes })
  } catch (cause) {
    throw new Fault('backend-failed', `Argon2id failed: it needs ${memory} KiB of memory`, { cause })
  }
}
