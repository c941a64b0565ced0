import { x25519 } from '@noble/curves/ed25519.js'
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js'
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import { AEAD_AES_128_GCM, AEAD_AES_256_GCM, AEAD_ChaCha20Poly1305, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke'
import { Fault } from '../core/errors.ts'
import { mlKemBytes, mlKemPair } from './encryption/x-wing/ml-kem.ts'
import { nativeXWingKem } from './encryption/x-wing/native.ts'
import { nativeX25519Kem, x25519Pair, x25519Secret } from './encryption/x25519/native.ts'
import { nativeAead } from './hpke/aead.ts'
import type { AeadId } from './hpke/aead-id.ts'
import { hkdfSha256 } from './hpke/hkdf.ts'
import { keyScheduleOf } from './hpke/native.ts'
import { nodePlatform } from './node/platform.ts'
import type { Path } from './suite.ts'

type Awaitable<T> = T | Promise<T>

/**
 * What the encryption schemes are made of, on one path: for whoever runs published vectors, and for nothing else. Encrypting by these alone has
 * none of the schemes' rules. Each throws, or rejects, for what it refuses.
 */
export interface Primitives {
  /** RFC 7748, section 5: any u of 32 bytes. Refuses a shared secret of zeros (section 6.1). */
  x25519(secretKey: Uint8Array, u: Uint8Array): Uint8Array
  /** RFC 5869. */
  hkdfSha256(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Awaitable<Uint8Array>
  /** AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305, by their ids in HPKE. The ciphertext ends with the tag. */
  readonly aead: {
    seal(id: AeadId, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Awaitable<Uint8Array>
    open(id: AeadId, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Awaitable<Uint8Array>
  }
  /** FIPS 203; the seed is d ‖ z, 64 bytes. */
  readonly mlKem768: {
    publicKey(seed: Uint8Array): Uint8Array
    decapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array
  }
  /** draft-connolly-cfrg-xwing-kem-06; the seed is 32 bytes. */
  readonly xWing: {
    publicKey(seed: Uint8Array): Uint8Array
    decapsulate(seed: Uint8Array, enc: Uint8Array): Uint8Array
    /** Only the portable code can be told what is random in it. */
    encapsulate?(publicKey: Uint8Array, randomness: Uint8Array): { readonly enc: Uint8Array; readonly sharedSecret: Uint8Array }
  }
  /** HPKE base mode with X25519: all that was exported, and each message opened in its order. With the ephemeral key, seals it too. */
  hpke(setup: HpkeSetup): Promise<HpkeOpened>
}

export interface HpkeSetup {
  readonly aead: AeadId
  readonly secretKey: Uint8Array
  readonly publicKey: Uint8Array
  readonly ephemeral: Uint8Array
  readonly enc: Uint8Array
  readonly info: Uint8Array
  readonly messages: readonly { readonly aad: Uint8Array; readonly plaintext: Uint8Array; readonly ciphertext: Uint8Array }[]
  readonly exports: readonly { readonly context: Uint8Array; readonly length: number }[]
}

export interface HpkeOpened {
  readonly plaintexts: readonly (Uint8Array | undefined)[]
  readonly exported: readonly Uint8Array[]
  /** What the sender makes of the same ephemeral key, where it can be given. */
  readonly sender?: { readonly enc: Uint8Array; readonly ciphertexts: readonly Uint8Array[]; readonly exported: readonly Uint8Array[] }
}

/** The primitives of that path. Throws `not-available` where there is no native code. */
export function primitives(path: Path): Primitives {
  return path === 'portable' ? portable : native()
}

function native(): Primitives {
  if (nodePlatform === undefined) throw new Fault('not-available', 'There is no native code here')
  const { crypto } = nodePlatform
  const hkdf = hkdfSha256(crypto)
  const kem = nativeX25519Kem(crypto)
  const xWing = nativeXWingKem(crypto)
  return {
    x25519: (secretKey, u) => x25519Secret(crypto, x25519Pair(crypto, secretKey).privateKey, u),
    hkdfSha256: (ikm, salt, info, length) => hkdf.expand(crypto.createSecretKey(hkdf.extract(crypto.createSecretKey(salt), ikm)), length, info),
    aead: {
      seal: (id, key, nonce, aad, plaintext) => nativeAead(crypto, id).seal(crypto.createSecretKey(key), nonce, aad, plaintext),
      open: (id, key, nonce, aad, ciphertext) => found(nativeAead(crypto, id).open(crypto.createSecretKey(key), nonce, aad, ciphertext)),
    },
    mlKem768: {
      publicKey: seed => mlKemBytes(mlKemPair(crypto, seed).publicKey),
      decapsulate: (seed, ciphertext) => crypto.decapsulate(mlKemPair(crypto, seed).privateKey, ciphertext),
    },
    xWing: {
      publicKey: xWing.publicKey,
      decapsulate: (seed, enc) => found(xWing.decapsulator(seed)(enc)),
    },
    async hpke({ aead: id, secretKey, publicKey, ephemeral, enc, info, messages, exports }) {
      const aead = nativeAead(crypto, id)
      const schedule = keyScheduleOf(crypto, kem.id, aead)(info)
      const recipient = schedule(found(kem.decapsulator(secretKey)(enc)))
      const encapsulated = kem.encapsulate(publicKey, ephemeral)
      const sender = schedule(encapsulated.sharedSecret)
      return {
        plaintexts: messages.map(({ aad, ciphertext }, at) => aead.open(recipient.key, nonceOf(recipient.baseNonce, at), aad, ciphertext)),
        exported: exports.map(({ context, length }) => recipient.export(context, length)),
        sender: {
          enc: encapsulated.enc,
          ciphertexts: messages.map(({ aad, plaintext }, at) => aead.seal(sender.key, nonceOf(sender.baseNonce, at), aad, plaintext)),
          exported: exports.map(({ context, length }) => sender.export(context, length)),
        },
      }
    },
  }
}

/** ComputeNonce (RFC 9180, section 5.2), of at most 256 messages. */
function nonceOf(baseNonce: Uint8Array, sequence: number): Uint8Array {
  return baseNonce.map((byte, at) => at === 11 ? byte ^ sequence : byte)
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Fault('invalid-argument', 'Refused')
  return value
}

const factories = { 1: AEAD_AES_128_GCM, 2: AEAD_AES_256_GCM, 3: AEAD_ChaCha20Poly1305 }

const portable: Primitives = {
  x25519: (secretKey, u) => x25519.getSharedSecret(secretKey, u),
  async hkdfSha256(ikm, salt, info, length) {
    const kdf = KDF_HKDF_SHA256()
    return kdf.Expand(await kdf.Extract(salt, ikm), info, length)
  },
  aead: {
    seal: (id, key, nonce, aad, plaintext) => factories[id]().Seal(key, nonce, aad, plaintext),
    open: (id, key, nonce, aad, ciphertext) => factories[id]().Open(key, nonce, aad, ciphertext),
  },
  mlKem768: {
    publicKey: seed => ml_kem768.keygen(seed).publicKey,
    decapsulate: (seed, ciphertext) => ml_kem768.decapsulate(ciphertext, ml_kem768.keygen(seed).secretKey),
  },
  xWing: {
    publicKey: seed => ml_kem768_x25519.keygen(seed).publicKey,
    decapsulate: (seed, enc) => ml_kem768_x25519.decapsulate(enc, seed),
    encapsulate(publicKey, randomness) {
      const { cipherText, sharedSecret } = ml_kem768_x25519.encapsulate(publicKey, randomness)
      return { enc: cipherText, sharedSecret }
    },
  },
  async hpke({ aead, secretKey, publicKey, enc, info, messages, exports }) {
    const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, factories[aead])
    const pair = { publicKey: await suite.DeserializePublicKey(publicKey), privateKey: await suite.DeserializePrivateKey(secretKey) }
    const context = await suite.SetupRecipient(pair, enc, { info })
    const plaintexts: Uint8Array[] = []
    // oxlint-disable-next-line no-await-in-loop -- a context opens messages in their order
    for (const { aad, ciphertext } of messages) plaintexts.push(await context.Open(ciphertext, aad))
    return { plaintexts, exported: await Promise.all(exports.map(one => context.Export(one.context, one.length))) }
  },
}
