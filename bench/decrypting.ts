import { createDecipheriv, createHmac, createPublicKey, createSecretKey, decapsulate, diffieHellman, generateKeyPairSync } from 'node:crypto'
import type { Hmac, KeyObject } from 'node:crypto'
import { encryptionByName, encryptTo, formatIdentityName } from '../src/crypto.ts'
import { createNode, encrypt, identities, identityManagement, localMemory } from '../src/index.ts'
import { rowOf } from './report.ts'
import type { Row } from './report.ts'
import { assertComplete, race, timed } from './rounds.ts'
import type { Effort, Lane } from './rounds.ts'

const LENGTH = 1024
const IN_FLIGHT = 100

/**
 * `decrypt-1k`: ciphertexts of 1 KiB through client and Decryption engine, 100 in flight, beside loops that open one by the synchronous functions of
 * `node:crypto` alone: by X25519, five HMACs and AES-256-GCM, as RFC 9180 has it; and by the fewest and fastest of them, which are ours without an engine.
 */
export async function decrypt1k(effort: Effort): Promise<readonly Row[]> {
  await using node = await createNode()
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const identity = await identities(node.client('bench'), im).generate({ params: 'Ed25519', capabilities: 'Decrypt' })
  const ciphertext = await encrypt(identity.externalIdentity, new Uint8Array(LENGTH).fill(7))
  const primitives = new Primitives()
  const sealed = await encryptTo(primitives.name, new Uint8Array(LENGTH).fill(7))
  const bare = (open: (ciphertext: Uint8Array) => Uint8Array): Lane => async operations => {
    let bytes = 0
    const time = await timed(() => {
      for (let i = 0; i < operations; i++) bytes += open(sealed).length
    })
    assertComplete('primitives', bytes, operations * LENGTH)
    return time
  }
  const [ours, plain, same] = await race(effort, IN_FLIGHT, [
    async operations => {
      let bytes = 0
      const time = await timed(async () => {
        for (let done = 0; done < operations; done += IN_FLIGHT) {
          const opened = await Promise.all(Array.from({ length: IN_FLIGHT }, () => identity.decrypt(ciphertext)))
          for (const plaintext of opened) bytes += plaintext.length
        }
      })
      assertComplete('decrypt-1k', bytes, operations * LENGTH)
      return time
    },
    bare(ciphertext => primitives.open(ciphertext)), bare(ciphertext => primitives.openByDecapsulation(ciphertext)),
  ])
  if (ours === undefined || plain === undefined || same === undefined) return []
  return [rowOf('decrypt-1k', 'bare primitives', ours, plain), rowOf('decrypt-1k', 'decapsulate alone', ours, same)]
}

const utf8 = new TextEncoder()
const SUITE = Buffer.from('HPKE\x00\x20\x00\x01\x00\x02', 'latin1')
const label = (text: string) => Buffer.concat([utf8.encode('HPKE-v1'), SUITE, utf8.encode(text)])
const KEM = Buffer.from('KEM\x00\x20', 'latin1')
const KEM_LABELS = {
  eaePrk: Buffer.concat([utf8.encode('HPKE-v1'), KEM, utf8.encode('eae_prk')]),
  sharedSecret: Buffer.concat([Uint8Array.of(0, 32), utf8.encode('HPKE-v1'), KEM, utf8.encode('shared_secret')]),
}
/** DER of an X25519 public key up to its 32 bytes (RFC 8410, section 4). */
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')
const hmac = (key: KeyObject, ...message: readonly Uint8Array[]) => message.reduce<Hmac>((mac, part) => mac.update(part), createHmac('sha256', key)).digest()

/** RFC 9180's single-shot opening in base mode, by the functions of `node:crypto` and nothing else: what does not depend on the ciphertext is there before. */
class Primitives {
  readonly #own: KeyObject
  readonly #none = createSecretKey(new Uint8Array(32))
  readonly #publicKey: Uint8Array
  readonly #secretLabel = label('secret')
  readonly #keyInfo: Uint8Array
  readonly #nonceInfo: Uint8Array
  readonly name: string

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('x25519')
    const scheme = encryptionByName('X25519')
    if (scheme === undefined) throw new Error('There is no X25519')
    this.#own = privateKey
    this.#publicKey = Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32))
    this.name = formatIdentityName({ encrypt: { scheme, publicKey: this.#publicKey } })
    const info = Buffer.concat([Buffer.from('ipse/enc/1\x00\x01\x01\x04data', 'latin1'), utf8.encode(this.name)])
    const context = Buffer.concat([Uint8Array.of(0), hmac(this.#none, label('psk_id_hash')), hmac(this.#none, label('info_hash'), info)])
    this.#keyInfo = Buffer.concat([Uint8Array.of(0, 32), label('key'), context, Uint8Array.of(1)])
    this.#nonceInfo = Buffer.concat([Uint8Array.of(0, 12), label('base_nonce'), context, Uint8Array.of(1)])
  }

  /** As the RFC has it: X25519, and all of HKDF by HMACs. */
  open(ciphertext: Uint8Array): Uint8Array {
    const enc = ciphertext.subarray(2, 34)
    const publicKey = createPublicKey({ key: Buffer.concat([SPKI, enc]), format: 'der', type: 'spki' })
    const eaePrk = hmac(this.#none, KEM_LABELS.eaePrk, diffieHellman({ privateKey: this.#own, publicKey }))
    return this.#openWith(hmac(createSecretKey(eaePrk), KEM_LABELS.sharedSecret, enc, this.#publicKey, Uint8Array.of(1)), ciphertext)
  }

  /** As the library does: for an X25519 key, OpenSSL's decapsulation is the first half of it. */
  openByDecapsulation(ciphertext: Uint8Array): Uint8Array {
    return this.#openWith(decapsulate(this.#own, ciphertext.subarray(2, 34)), ciphertext)
  }

  #openWith(shared: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    const secret = createSecretKey(hmac(createSecretKey(shared), this.#secretLabel))
    const key = createSecretKey(hmac(secret, this.#keyInfo))
    const decipher = createDecipheriv('aes-256-gcm', key, hmac(secret, this.#nonceInfo).subarray(0, 12), { authTagLength: 16 })
    decipher.setAuthTag(ciphertext.subarray(-16))
    const plaintext = decipher.update(ciphertext.subarray(34, -16))
    decipher.final()
    return plaintext
  }
}
