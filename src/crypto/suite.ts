import { Fault } from '../core/errors.ts'
import { isBytesOf, requireBytes, requireList } from './bytes.ts'
import { secretCopy } from './secret-bytes.ts'
import { inTurns } from './turns.ts'

/** Fills an array of that many bytes from a cryptographically secure source. */
export type RandomBytes = (length: number) => Uint8Array

/** What does the work: the portable code, which runs wherever JavaScript does, or native code. */
export type Path = 'native' | 'portable'

/** What a signature scheme is, whoever computes it. */
export interface SuiteFacts {
  /** The `params` that select it. */
  readonly params: string
  /** The multicodec prefix of its public keys (a varint, as bytes). */
  readonly multicodec: Uint8Array
  /** How its identities are named: by their keys, or, where these are long, by the hash of a bundle that holds them. */
  readonly naming: 'multikey' | 'bundle'
  /** The scheme that its identities are encrypted to. */
  readonly encryption: string
  /** In bytes, as are the two lengths below. */
  readonly secretKeyLength: number
  readonly publicKeyLength: number
  readonly signatureLength: number
}

/** A claim to check: that `signature` is one of `message` by the key. */
export interface SignedMessage {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** A secret key made ready to sign with, many times. */
export interface SuiteSigner {
  /** Throws `invalid-argument` for a message that is not bytes. */
  sign(message: Uint8Array): Uint8Array
  /**
   * Signs each, as it is at the call, as {@link sign} does: on all cores where that is worth it, and letting the event loop take its turns. Once it is
   * erased, or `signal` aborts, it begins no more of them, and rejects: with `invalid-argument`, or with `backend-failed`.
   */
  signBatch(messages: readonly Uint8Array[], signal?: AbortSignal): Promise<readonly Uint8Array[]>
  /**
   * Signs a digest of 32 bytes as it is: r ‖ s ‖ u8 recovery id (0 to 3), 65 bytes, low S. Only where the scheme has it. Throws
   * `invalid-argument` for anything else than 32 bytes.
   */
  signDigest?(digest: Uint8Array): Uint8Array
  /** Overwrites what it can of its copies. It signs no more, and throws `invalid-argument`. The caller's array stays as it is. */
  erase(): void
}

/**
 * One signature scheme over bytes, computed one way. A folder under `suites/` and an entry in `suites.ts`; adding one touches nothing
 * else but the list of `params` in Identity Management's messages. All methods are pure but for `generate` and `verifyBatch`, which draw
 * randomness, and none throws for what a stranger can send: a wrong key or signature is `false`.
 */
export interface SignatureSuite extends SuiteFacts {
  readonly path: Path
  /** The library that does the work, with its version where that is known: "OpenSSL 3.5.8", "@noble/curves". */
  readonly provider: string
  /** A secret key. Throws `invalid-argument` when `random` does not give as many bytes as it is asked for. */
  generate(random: RandomBytes): Uint8Array
  /** Throws `invalid-argument` for a secret key that is none. */
  publicKey(secretKey: Uint8Array): Uint8Array
  /** Whether these bytes are a public key that `verify` admits: in its one canonical form, and no point that is weak there. */
  isPublicKey(publicKey: Uint8Array): boolean
  /** Copies the key, and does what can be done once. Throws `invalid-argument` for a secret key that is none. */
  signer(secretKey: Uint8Array): SuiteSigner
  /** Signs once. Throws `invalid-argument` for a secret key that is none, and a message that is not bytes. */
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array
  /** Whether the signature is one by that key. Throws `invalid-argument` for a message that is not bytes. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /**
   * Whether each, as it is at the call, is one, exactly as {@link verify} would say, on all cores or by a faster check of many at once where that is worth it.
   * Lets the event loop take its turns. Rejects with `invalid-argument` for a message that is not bytes.
   */
  verifyBatch(signed: readonly SignedMessage[], random: RandomBytes): Promise<readonly boolean[]>
  /**
   * Whether these 65 bytes are what {@link SuiteSigner.signDigest} makes of that digest with the key: the recovery id included.
   * Only where the scheme has it.
   */
  verifyDigest?(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean
}

/** What the code of a scheme brings along; {@link suiteOf} makes a suite of it. */
export interface SuiteCore extends Omit<SignatureSuite, keyof SuiteFacts | 'signer' | 'sign' | 'verifyBatch'> {
  /**
   * `own` is this signer's copy, to overwrite as soon as a library holds the key; it is overwritten when the signer is erased. Throws as the
   * suite's.
   */
  signer(own: Uint8Array): SignerCore
  /** As the suite's, of copies whose messages were checked to be bytes. Without it, signatures are verified one after the other. */
  verifyBatch?(signed: readonly SignedMessage[], random: RandomBytes): Promise<readonly boolean[]>
}

/** Messages were checked to be bytes, and digests to be 32 of them. It is not called once it was erased. */
export interface SignerCore {
  sign(message: Uint8Array): Uint8Array
  /** Without it, messages are signed one after the other. */
  signBatch?(messages: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<readonly Uint8Array[]>
  signDigest?(digest: Uint8Array): Uint8Array
  /** Overwrites what it made of the secret key. */
  erase?(): void
}

/** A suite, with what follows from its parts. */
export function suiteOf(facts: SuiteFacts, core: SuiteCore): SignatureSuite {
  const signer = (secretKey: Uint8Array): SuiteSigner => {
    // Text and lists would be copied too: most text of 32 characters as 32 zeros.
    requireBytes(secretKey, 'A secret key')
    const own = secretCopy(secretKey)
    try {
      return signerOf(core.signer(own), own)
    } catch (error) {
      own.fill(0)
      throw error
    }
  }
  const verifyBatch = core.verifyBatch ?? ((signed: readonly SignedMessage[]) =>
    inTurns(signed, ({ publicKey, message, signature }) => core.verify(publicKey, message, signature)))
  return Object.freeze({
    ...facts,
    ...core,
    async verifyBatch(signed: readonly SignedMessage[], random: RandomBytes) {
      requireList(signed, 'The signed messages')
      // Copies, since they are read one after the other, and the event loop has its turns.
      const own = signed.map(({ publicKey, message, signature }) => {
        requireBytes(message, 'The message')
        return { publicKey: copyOf(publicKey), message: new Uint8Array(message), signature: copyOf(signature) }
      })
      return verifyBatch(own, random)
    },
    signer,
    sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array {
      const once = signer(secretKey)
      try {
        return once.sign(message)
      } finally {
        once.erase()
      }
    },
  })
}

function copiesOf(messages: readonly Uint8Array[]): readonly Uint8Array[] {
  requireList(messages, 'The messages')
  return messages.map(message => {
    requireBytes(message, 'The message')
    return new Uint8Array(message)
  })
}

/** What is no bytes stays what it is: it is a claim that does not hold. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return bytes instanceof Uint8Array ? new Uint8Array(bytes) : bytes
}

function erasedFault(): Fault {
  return new Fault('invalid-argument', 'This signer was erased: make another')
}

function signerOf(core: SignerCore, own: Uint8Array): SuiteSigner {
  const { signDigest } = core
  let isErased = false
  /** Ends the batches that are under way when it is erased: made for the first of them, since most signers have none, and there may be many. */
  let ending: AbortController | undefined
  const assertUsable = () => {
    if (isErased) throw erasedFault()
  }
  const sign = (message: Uint8Array) => {
    assertUsable()
    requireBytes(message, 'The message')
    return core.sign(message)
  }
  return Object.freeze({
    sign,
    async signBatch(messages: readonly Uint8Array[], signal?: AbortSignal) {
      assertUsable()
      const own = copiesOf(messages)
      ending ??= new AbortController()
      const ended = signal === undefined ? ending.signal : AbortSignal.any([ending.signal, signal])
      try {
        return await (core.signBatch === undefined ? inTurns(own, sign, { signal: ended }) : core.signBatch(own, ended))
      } catch (cause) {
        assertUsable()
        if (signal?.aborted !== true) throw cause
        throw new Fault('backend-failed', 'Nobody waits for this batch any more', { cause })
      }
    },
    ...signDigest && {
      signDigest(digest: Uint8Array) {
        assertUsable()
        if (!isBytesOf(digest, 32)) throw new Fault('invalid-argument', 'A digest to sign is 32 bytes')
        return signDigest(digest)
      },
    },
    erase() {
      isErased = true
      ending?.abort(erasedFault())
      own.fill(0)
      core.erase?.()
    },
  })
}
