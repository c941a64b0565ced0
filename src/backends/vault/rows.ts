import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { sameBytes, utf8 } from '../../crypto/bytes.ts'
import { keyOf, keysUnder } from '../../stores/key.ts'

/** The rows of a vault in its store (docs/formats.md, "Vault"). Their keys can be read by anyone, their values by nobody without the root key. */
export const ALL = keysUnder('vault')
export const IDENTITIES = keysUnder('vault', 'identity')
export const MANIFEST = keyOf('vault', 'manifest')

/** One for each identity, deleted ones included, until they are purged. */
export function identityKey(name: string): Uint8Array {
  return keyOf('vault', 'identity', name)
}

/** Says which identity an attempt made. `attempt` is what {@link attemptOf} says. */
export function attemptKey(attempt: string): Uint8Array {
  return keyOf('vault', 'attempt', attempt)
}

/** What is kept of the key that an identity was generated under: its SHA-256, as hexadecimal digits. Throws `invalid-argument` for text with lone surrogates. */
export function attemptOf(key: string): string {
  return bytesToHex(sha256(utf8(key, 'The key of an attempt')))
}

/** Says that an identity was purged. */
export function purgedKey(name: string): Uint8Array {
  return keyOf('vault', 'purged', bytesToHex(sha256(utf8ToBytes(name))))
}

export type RowKind = 'identity' | 'attempt' | 'purged' | 'manifest'

const KINDS: readonly (readonly [RowKind, Uint8Array])[] = [
  ['identity', IDENTITIES.from], ['attempt', keyOf('vault', 'attempt')], ['purged', keyOf('vault', 'purged')],
]

/** `undefined` for a row that no vault writes. */
export function kindOf(key: Uint8Array): RowKind | undefined {
  if (sameBytes(key, MANIFEST)) return 'manifest'
  return KINDS.find(([, from]) => from.every((byte, i) => byte === key[i]))?.[0]
}

/** What tells a row from others of its kind: the name of an identity, the hash of an attempt's key. */
export function textOf(key: Uint8Array): string {
  return partsOf(key).at(-1) ?? ''
}

/** For people: "identity z6Mk…"; in hexadecimal where that can't be printed, since keys are as whoever has the disk wrote them. */
export function describeRow(key: Uint8Array): string {
  const text = partsOf(key).slice(1).join(' ')
  return /^[\u0020-\u007e]+$/.test(text) ? text : bytesToHex(key)
}

/** None of ours has a zero byte in it. */
function partsOf(key: Uint8Array): readonly string[] {
  return new TextDecoder().decode(key).split('\u0000\u0001').slice(0, -1)
}
