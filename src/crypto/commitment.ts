import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts'
import { assertedMessage, assertionOf, challengeOf } from './assertion.ts'
import { requireBytes, requireList } from './bytes.ts'
import { readIdentity } from './known-names.ts'
import type { Format, IdentityName, ParsedIdentityName, SigningKey } from './identity-name.ts'
import { randomBytes } from './random.ts'
import { beginsAsSignable, signable, signableHead } from './signable.ts'
import type { SignatureSuite, SignedMessage, SuiteSigner } from './suite.ts'
import { inTurns } from './turns.ts'

/** Version 1, kind 1: a signature under the key that the name holds. */
const HEADER = Uint8Array.of(1, 1)
const NOTHING = new Uint8Array(0)
const SCRATCH = 256

/** Commits in the name of one identity, whose signing key `signer` holds. */
export class Committer {
  readonly #signer: SuiteSigner
  /** What stands before the data in all that it signs, and before the signature in what it answers. */
  readonly #head: Uint8Array
  readonly #header: Uint8Array
  readonly #format: Format
  /** Begins with the head. */
  readonly #scratch: Uint8Array

  /** Throws `invalid-argument` for a name that is none. */
  constructor(signer: SuiteSigner, name: string, format: Format = 'framed') {
    this.#signer = signer
    this.#format = format
    this.#head = format === 'raw' ? NOTHING : signableHead('data', name)
    this.#header = format === 'raw' ? NOTHING : HEADER
    this.#scratch = new Uint8Array(SCRATCH)
    this.#scratch.set(this.#head)
  }

  /**
   * `u8 version 1 ‖ u8 kind 1 ‖ signature` of `signable('data', name, data)` (docs/formats.md); in format `raw`, the signature of
   * the data itself. Throws `invalid-argument`; in format `raw` `not-available` for data that begins as a signable does.
   */
  commit(data: Uint8Array): Uint8Array {
    requireBytes(data, 'The data')
    return joined(this.#header, this.#signer.sign(this.#messageOf(data)))
  }

  /**
   * Commits to each, on all cores where that is worth it; where {@link commit} would throw `not-available`, that fault is in its place. Rejects with
   * `invalid-argument`, and with `backend-failed` once `signal` aborts.
   */
  async commitBatch(data: readonly Uint8Array[], signal?: AbortSignal): Promise<readonly (Uint8Array | Fault)[]> {
    for (const one of data) requireBytes(one, 'The data')
    const faults = data.map(one => this.#format === 'raw' && beginsAsSignable(one) ? framed() : undefined)
    const messages = data.filter((_, i) => faults[i] === undefined).map(one => joined(this.#head, one))
    const commitments = (await this.#signer.signBatch(messages, signal)).map(signature => joined(this.#header, signature))
    let next = 0
    return faults.map(fault => fault ?? commitments[next++] ?? missing())
  }

  /**
   * Signs a digest as it is: r ‖ s ‖ u8 recovery id, 65 bytes. Throws `not-available` unless it is of format `raw`, and its scheme has
   * such signatures; `invalid-argument` for anything else than 32 bytes.
   */
  commitDigest(digest: Uint8Array): Uint8Array {
    if (this.#format !== 'raw' || this.#signer.signDigest === undefined) {
      throw new Fault('not-available', 'only Secp256k1 identities of format raw sign digests as they are')
    }
    return this.#signer.signDigest(digest)
  }

  /** Erases the signer's key. It commits no more. */
  erase(): void {
    this.#signer.erase()
    this.#scratch.fill(0)
  }

  /**
   * What is signed. That of short data is there until the next is: an array of more than 64 bytes, made anew for each, would take longer than
   * all else that is done here.
   */
  #messageOf(data: Uint8Array): Uint8Array {
    const { length } = this.#head
    if (this.#format === 'raw' && beginsAsSignable(data)) throw framed()
    if (length + data.length > SCRATCH) return joined(this.#head, data)
    this.#scratch.set(data, length)
    return this.#scratch.subarray(0, length + data.length)
  }
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  if (head.length === 0) return tail
  const all = new Uint8Array(head.length + tail.length)
  all.set(head)
  all.set(tail, head.length)
  return all
}

/** What begins as a signable could be taken for a commitment of the framed identity with the same keys. */
function framed(): Fault {
  return new Fault('not-available', 'an identity of format raw signs nothing that begins as framed data does')
}

function missing(): Fault {
  return new Fault('backend-failed', 'There are fewer signatures than messages')
}

/** Commits once: see {@link Committer.commit}. */
export function commit(suite: SignatureSuite, secretKey: Uint8Array, name: string, data: Uint8Array): Uint8Array {
  return commitmentOf(suite.sign(secretKey, signable('data', name, data)))
}

/** Frames a signature that was made elsewhere, by a device or another process, over `signable('data', name, data)`. */
export function commitmentOf(signature: Uint8Array): Uint8Array {
  return concatBytes(HEADER, signature)
}

/** How a commitment is read. */
export interface VerifyOptions {
  /** The data is a digest of 32 bytes that was signed as it is, by a Secp256k1 identity of format `raw`. */
  readonly prehashed?: boolean
  /**
   * The signature counter that was last seen of this identity, or 0. An assertion is accepted only above it, unless both are 0: otherwise its key may have been
   * copied (WebAuthn level 3, section 6.1.1). Without it, counters are not looked at. {@link assertionOf} tells them.
   */
  readonly counterAbove?: number
}

/**
 * Whether `commitment` is the identity's commitment to `data`. False for every other bytes: wrong, truncated, of an unknown
 * version or kind, or with bytes after it. Throws `invalid-identity` for an identity that is none, `not-available` for one without a
 * signing key, `invalid-argument` for arguments that are not Uint8Arrays.
 */
export function verifyCommitment(identity: string | IdentityName, data: Uint8Array, commitment: Uint8Array, options?: VerifyOptions): boolean {
  if (options?.prehashed === true) {
    requireBytes(data, 'The digest')
    requireBytes(commitment, 'The commitment')
    const { key: { suite, publicKey }, format } = signingKeyOf(identity)
    return format === 'raw' && suite.verifyDigest?.(publicKey, data, commitment) === true
  }
  const claim = claimOf(identity, data, commitment, options?.counterAbove)
  return claim !== undefined && claim.suite.verify(claim.publicKey, claim.message, claim.signature)
}

/** One of many commitments to verify. */
export interface Claim {
  readonly identity: string | IdentityName
  readonly data: Uint8Array
  readonly commitment: Uint8Array
}

/**
 * Whether each is one, exactly as {@link verifyCommitment} would say: on all cores, and many BLS signatures by one check. The event loop takes
 * its turns. Rejects as that throws.
 */
export async function verifyCommitments(claims: readonly Claim[]): Promise<readonly boolean[]> {
  requireList(claims, 'The claims')
  // Copied before the first wait: what the caller does with its arrays afterwards must not change what is verified.
  const own = claims.map(copyOf)
  const verified = own.map(() => false)
  const bySuite = new Map<SignatureSuite, { readonly at: number; readonly signed: SignedMessage }[]>()
  // Reading a name takes about as long as verifying a signature.
  const read = await inTurns(own, ({ identity, data, commitment }) => claimOf(identity, data, commitment), { size: NAMES_PER_TURN })
  for (const [at, claim] of read.entries()) {
    if (claim === undefined) continue
    const { suite, ...signed } = claim
    const same = bySuite.get(suite) ?? []
    bySuite.set(suite, same)
    same.push({ at, signed })
  }
  await Promise.all(Array.from(bySuite, async ([suite, same]) => {
    const results = await suite.verifyBatch(same.map(({ signed }) => signed), randomBytes)
    for (const [i, { at }] of same.entries()) verified[at] = results[i] === true
  }))
  return verified
}

const NAMES_PER_TURN = 16

function copyOf(claim: Claim): Claim {
  if (typeof claim !== 'object' || claim === null) throw new Fault('invalid-argument', 'A claim must be { identity, data, commitment }')
  const { identity, data, commitment } = claim
  requireBytes(data, 'The data')
  requireBytes(commitment, 'The commitment')
  return { identity: fixed(identity), data: new Uint8Array(data), commitment: new Uint8Array(commitment) }
}

function fixed(identity: string | IdentityName): string | IdentityName {
  if (typeof identity !== 'object' || identity === null) return identity
  const { name, bundle } = identity
  return bundle instanceof Uint8Array ? { name, bundle: new Uint8Array(bundle) } : { name, ...bundle !== undefined && { bundle } }
}

/** What is signed, if these bytes have the form that commitments of the identity have, and say what they must. */
function claimOf(
  identity: string | IdentityName, data: Uint8Array, commitment: Uint8Array, counterAbove?: number,
): SignedMessage & { readonly suite: SignatureSuite } | undefined {
  requireBytes(data, 'The data')
  requireBytes(commitment, 'The commitment')
  const { key: { suite, publicKey }, name, format, assertion: policy } = signingKeyOf(identity)
  if (format === 'raw') return { suite, publicKey, message: data, signature: commitment }
  if (policy !== undefined) {
    const assertion = assertionOf(commitment)
    const message = assertion && isAbove(assertion.counter, counterAbove) ? assertedMessage(assertion, policy, challengeOf(name, data)) : undefined
    return assertion && message && { suite, publicKey, message, signature: assertion.signature }
  }
  if (commitment[0] !== HEADER[0] || commitment[1] !== HEADER[1]) return undefined
  return { suite, publicKey, message: signable('data', name, data), signature: commitment.subarray(HEADER.length) }
}

/** Authenticators without a counter say 0. */
export function isAbove(counter: number, last: number | undefined): boolean {
  return last === undefined || counter > last || (counter === 0 && last === 0)
}

function signingKeyOf(identity: string | IdentityName): Pick<ParsedIdentityName, 'name' | 'format' | 'assertion'> & { readonly key: SigningKey } {
  const { sign, name, format, assertion } = readIdentity(identity)
  if (sign !== undefined) return { key: sign, name, format, ...assertion && { assertion } }
  throw new Fault('not-available', 'This identity cannot commit: its name holds no signing key, so it has no commitments')
}
