import type { EngineID, ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import { requireBytes } from '../../crypto/bytes.ts'
import { CiphertextOpener, malformedRefusal } from '../../crypto/ciphertext.ts'
import { nameIdentity } from '../../crypto/identity-name.ts'
import type { EncryptionKey } from '../../crypto/identity-name.ts'
import { includes } from '../backend.ts'
import type { Backend, CiphertextRefusal, Decryptor, GenerateOptions, Signer } from '../backend.ts'
import { Attempts } from '../credential/attempts.ts'
import { count } from '../credential/counter.ts'
import { decryptingIn } from '../credential/enrolled.ts'
import { Lives, Use } from '../credential/lives.ts'
import * as offer from '../credential/offer.ts'
import type { Asked } from '../credential/offer.ts'
import { identityOf, withoutCredential } from '../credential/record.ts'
import type { Credential, CredentialRecord } from '../credential/record.ts'
import { attemptOf, deleted, notHeld } from '../credential/records.ts'
import { summaryOf } from './data-summary.ts'
import type { HidParts } from './parts.ts'
import { deleteResident, register, wrapUnder } from './registration.ts'
import type { Registered } from './registration.ts'
import { encryptionKeyOf, schemesOf } from './scheme.ts'
import { signWith } from './signing.ts'
import { unwrapHere } from './unlocking.ts'

/**
 * Identities whose signing keys FIDO2 devices have, and whose decryption keys only open with one. What is stored is no secret. Each use asks a person, and what a device
 * can't do is refused: nothing here signs in its place.
 */
export class HidBackend implements Backend {
  readonly name = Object.freeze({ type: 'LocalConnection', subtype: 'hid' } as const)
  readonly params = offer.params
  readonly capabilities = offer.capabilities
  readonly #parts: HidParts
  readonly #attempts: Attempts
  readonly #lives = new Lives()

  constructor(parts: HidParts) {
    this.#parts = parts
    this.#attempts = new Attempts(parts.records)
  }

  /** Rejects with the codes of devices too; `not-available` for what the device that was chosen can't do, `pin-missing` where it can't verify its user. */
  async generate(options: GenerateOptions, signal: AbortSignal, asker?: EngineID): Promise<ExternalIdentity> {
    const asked = offer.requireOffered(options)
    return this.#attempts.run(asked, signal, () => this.#generate(asked, signal, asker))
  }

  /** A credential that its device keeps is deleted there: so that must be plugged in, and nothing is erased while it is not. Rejects with the codes of devices too. */
  async delete(identity: ExternalIdentity, signal: AbortSignal, asker?: EngineID): Promise<void> {
    const { requests, records } = this.#parts
    let record = await records.held(identity)
    /* oxlint-disable no-await-in-loop -- a person is asked for one device at a time */
    // The first one last: as long as it is there, so is what is left of the identity.
    for (let kept = lastResident(record); kept !== undefined; kept = lastResident(record)) {
      const { id, relyingParty } = kept
      await requests.perform({
        asked: { purpose: 'delete', identity: record.name, ...asker && { asker } },
        credentials: { relyingParty, ids: [id], device: 'holds' },
        perform: session => deleteResident(session, relyingParty, id),
      }, signal)
      if (kept === record.credentials[0]) break
      // It is looked for no more, should the next device not be there.
      record = await records.change(record.name, now => withoutCredential(now, id))
    }
    /* oxlint-enable no-await-in-loop */
    if (!await records.remove(record.name)) throw notHeld()
    this.#lives.end(record.name)
  }

  async signer(identity: ExternalIdentity): Promise<Signer> {
    const { capabilities } = await this.#parts.records.held(identity)
    if (!includes(capabilities, 'Commit')) throw new Fault('not-available', 'This identity was generated without the capability to commit')
    const use = new Use(this.#lives.of(identity.name))
    return {
      sign: async (data, signal, asker) => this.#sign(identity, ownBytes(data, 'The data'), use.until(signal), asker),
      close: () => use.close(),
    }
  }

  async decryptor(identity: ExternalIdentity): Promise<Decryptor> {
    encryptionKeyOf(await this.#parts.records.held(identity))
    const use = new Use(this.#lives.of(identity.name))
    return {
      decrypt: async (ciphertext, signal, asker) => this.#decrypt(identity, ownBytes(ciphertext, 'The ciphertext'), use.until(signal), asker),
      close: () => use.close(),
    }
  }

  #generate({ key, params, capabilities }: Asked, signal: AbortSignal, asker: EngineID | undefined): Promise<ExternalIdentity> {
    const { requests, records, random, relyingParty, userVerification, resident } = this.#parts
    const { suite, scheme } = schemesOf(params)
    const wraps = includes(capabilities, 'Decrypt')
    const assertion = { relyingParty, userVerification }
    return requests.perform({
      asked: { purpose: 'generate', ...asker && { asker } },
      perform: session => register(session, { relyingParty, params, resident, userVerification, wraps }, random, async ({ credential, publicKey }: Registered) => {
        const sign = includes(capabilities, 'Commit') ? { sign: { suite, publicKey }, assertion } : {}
        const secretKey = wraps ? scheme.generate(random) : undefined
        try {
          const wrapped = secretKey && { wrapped: await wrapUnder(session, credential, secretKey, scheme, random) }
          const name = nameIdentity({ ...sign, ...secretKey && { encrypt: { scheme, publicKey: scheme.publicKey(secretKey) } } })
          const record = { ...name, params, capabilities, attempt: attemptOf(key), credentials: [{ ...credential, ...wrapped }] }
          session.signal.throwIfAborted()
          await records.add(record)
          return identityOf(record)
        } finally {
          secretKey?.fill(0)
        }
      }),
    }, signal)
  }

  async #sign(identity: ExternalIdentity, data: Uint8Array, signal: AbortSignal, asker: EngineID | undefined): Promise<Uint8Array> {
    const { requests, records } = this.#parts
    const record = await records.living(identity)
    const [credential] = record.credentials
    if (credential === undefined) throw deleted()
    return requests.perform({
      asked: { purpose: 'sign', identity: identity.name, data: summaryOf(data), ...asker && { asker } },
      credentials: { relyingParty: credential.relyingParty, ids: [credential.id], device: 'holds' },
      perform: async session => {
        const { commitment, counter } = await signWith(session, record, credential, data)
        await count(records, record.name, credential.id, counter, 'sign')
        return commitment
      },
    }, signal)
  }

  async #decrypt(identity: ExternalIdentity, ciphertext: Uint8Array, signal: AbortSignal, asker: EngineID | undefined): Promise<Uint8Array | CiphertextRefusal> {
    const { requests, records, random } = this.#parts
    const record = await records.living(identity)
    const key = encryptionKeyOf(record)
    // Nobody is asked for what is no ciphertext at all.
    const malformed = malformedRefusal(ciphertext, key.scheme)
    if (malformed !== undefined) return malformed
    const decrypting = decryptingIn(record)
    const [{ relyingParty } = this.#parts] = decrypting
    return requests.perform({
      asked: { purpose: 'decrypt', identity: identity.name, data: summaryOf(ciphertext), ...asker && { asker } },
      credentials: { relyingParty, ids: decrypting.map(({ id }) => id), device: 'holds' },
      perform: async session => {
        const secretKey = await unwrapHere(session, records, record, key, random)
        try {
          return await open(ciphertext, secretKey, key, record)
        } finally {
          secretKey.fill(0)
        }
      },
    }, signal)
  }
}

function lastResident({ credentials }: CredentialRecord): Credential | undefined {
  return credentials.findLast(({ resident }) => resident)
}

/** What the person is shown is what is done, also when the bytes change in the hands of who asked. */
function ownBytes(bytes: Uint8Array, what: string): Uint8Array {
  requireBytes(bytes, what)
  return Uint8Array.from(bytes)
}

async function open(ciphertext: Uint8Array, secretKey: Uint8Array, { scheme }: EncryptionKey, { name }: CredentialRecord): Promise<Uint8Array | CiphertextRefusal> {
  const opener = new CiphertextOpener(await scheme.opener(secretKey), scheme, name)
  try {
    return await opener.open(ciphertext)
  } finally {
    opener.erase()
  }
}
