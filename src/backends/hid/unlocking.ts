import { Fault } from '../../core/errors.ts'
import { sameBytes } from '../../crypto/bytes.ts'
import type { EncryptionKey } from '../../crypto/identity-name.ts'
import { draw } from '../../crypto/random.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { count } from '../credential/counter.ts'
import type { Credential, CredentialRecord } from '../credential/record.ts'
import type { CredentialRecords } from '../credential/records.ts'
import { unwrapKey } from '../credential/wrapping.ts'
import type { Session } from './ceremony.ts'
import { heldBy } from './open-device.ts'

/** What the device computed for its verified user. */
export interface AssertedSecret {
  /** 32 bytes, which the caller erases. */
  readonly secret: Uint8Array
  readonly counter: number
}

/** Has the device compute its secret for a salt. It verifies the user for it: without, the secret would be another one (CTAP 2.1, section 12.5). */
export async function assertWithSecret(session: Session, credential: Pick<Credential, 'id' | 'relyingParty'> & { readonly salt: Uint8Array }, random: RandomBytes): Promise<AssertedSecret> {
  const { id, relyingParty, salt } = credential
  const verified = await session.verifyUser(['getAssertion'], relyingParty)
  const [assertion] = await session.use(exchange => session.authenticator.getAssertions({
    relyingParty, clientDataHash: draw(random, 32), allow: [id], ...verified, hmacSecret: { salts: [salt] },
  }, exchange))
  const [secret] = assertion?.hmacSecret ?? []
  if (assertion === undefined || secret === undefined) throw new Fault('backend-failed', 'The device gave no secret for its credential')
  if (assertion.userVerified) return { secret, counter: assertion.counter }
  secret.fill(0)
  throw new Fault('backend-failed', 'The device gave a secret without verifying its user')
}

/** The secret key of that public key, which the caller erases: unwrapped by whichever of the identity's credentials the device holds, whose counter must advance. */
export async function unwrapHere(session: Session, records: CredentialRecords, identity: Pick<CredentialRecord, 'name' | 'credentials'>, key: Pick<EncryptionKey, 'publicKey' | 'scheme'>, random: RandomBytes): Promise<Uint8Array> {
  const { publicKey, scheme } = key
  const { credential, wrapped } = await findHere(session, identity.credentials)
  const { secret, counter } = await assertWithSecret(session, { ...credential, salt: wrapped.salt }, random)
  try {
    await count(records, identity.name, credential.id, counter, 'decrypt')
    const secretKey = unwrapKey(secret, wrapped.sealed, { credential: credential.id, publicKey, salt: wrapped.salt }, scheme)
    if (secretKey === undefined) throw new Fault('backend-failed', 'The wrapped key does not open with this device: what is stored is damaged, or the device gave something else')
    return secretKey
  } finally {
    secret.fill(0)
  }
}

/** The salt goes with the credential, so that is found out first, without a touch. */
async function findHere(session: Session, credentials: readonly Credential[]): Promise<{ readonly credential: Credential; readonly wrapped: NonNullable<Credential['wrapped']> }> {
  const able = credentials.flatMap(credential => credential.wrapped === undefined ? [] : [{ credential, wrapped: credential.wrapped }])
  const [only, another] = able
  if (only !== undefined && another === undefined) return only
  const held = await session.use(({ signal }) => heldBy(session, credentials[0]?.relyingParty ?? '', able.map(({ credential }) => credential.id), signal))
  const found = held && able.find(({ credential }) => sameBytes(credential.id, held))
  if (found !== undefined) return found
  throw new Fault('wrong-device', 'The device holds no credential that was enrolled for this identity')
}
