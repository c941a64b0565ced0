import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { z } from 'zod'
import { decodeData, encodeData } from '../../core/encoding.ts'
import { Fault } from '../../core/errors.ts'
import type { Row } from '../../stores/store.ts'
import { MANIFEST } from './rows.ts'
import type { Session } from './session.ts'

/**
 * How many rows there are, and a digest of them, in which a change of one costs the same however many there are: the sum, modulo 2²⁵⁶, of an HMAC-SHA256 of
 * each (MSet-Add-Hash; Clarke, Devadas, van Dijk, Gassend, Suh, "Incremental Multiset Hash Functions and Their Application to Memory Integrity
 * Checking", ASIACRYPT 2003). As there, it is worth nothing to who sees sums or can ask for them: key and sum are known to the unlocked vault alone.
 */
export interface Tally {
  readonly count: number
  readonly digest: bigint
}

/** What the vault's rows are, at one time. */
export interface Manifest extends Tally {
  /** 0 for the first, and one more for each that follows. */
  readonly epoch: number
  /** The {@link hashOf} of the manifest that this one followed; zeros for the first. */
  readonly previous: Uint8Array
}

export const NONE: Tally = { count: 0, digest: 0n }

const MODULUS = 1n << 256n

export function add({ count, digest }: Tally, weight: bigint): Tally {
  return { count: count + 1, digest: (digest + weight) % MODULUS }
}

export function subtract({ count, digest }: Tally, weight: bigint): Tally {
  return { count: count - 1, digest: (digest - weight + MODULUS) % MODULUS }
}

export function sameTally(a: Tally, b: Tally): boolean {
  return a.count === b.count && a.digest === b.digest
}

const natural = z.number().int().nonnegative()
const hash = z.instanceof(Uint8Array).refine(({ length }) => length === 32)
const schema = z.strictObject({ epoch: natural, count: natural, digest: hash, previous: hash })

export function sealManifest(session: Session, { epoch, count, digest, previous }: Manifest): Row {
  const plaintext = encodeData({ epoch, count, digest: numberToBytesBE(digest, 32), previous })
  try {
    return session.seal(MANIFEST, plaintext)
  } finally {
    plaintext.fill(0)
  }
}

/** `undefined` for what is not sealed as this vault's manifest. Throws `store-newer` for what is, and says other things. */
export function unsealManifest(session: Session, value: Uint8Array): Manifest | undefined {
  const plaintext = session.unseal({ key: MANIFEST, value })
  if (plaintext === undefined) return undefined
  const { data } = schema.safeParse(decodeData(plaintext, 1)[0])
  if (data === undefined) throw new Fault('store-newer', 'The manifest of the vault was written by a newer version of this library: use that one')
  const { digest, ...rest } = data
  return { ...rest, digest: bytesToNumberBE(digest) }
}

/** Names the state of the whole vault: every change seals its manifest anew. */
export function hashOf(manifest: Uint8Array): Uint8Array {
  return sha256(manifest)
}
