import { Fault } from '../../core/errors.ts'
import { draw } from '../../crypto/random.ts'
import type { EncryptionScheme } from '../../crypto/encryption.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { LONGEST_LABEL, MOST_TRANSPORTS } from '../credential/record.ts'
import type { Credential } from '../credential/record.ts'
import { newSalt, wrapKey } from '../credential/wrapping.ts'
import type { Session } from './ceremony.ts'
import type { Algorithm } from './ctap/authenticator.ts'
import type { CreatedCredential } from './ctap/creation.ts'
import { printable } from './printable.ts'
import { assertWithSecret } from './unlocking.ts'

/** What a credential is to be. */
export interface Registration {
  readonly relyingParty: string
  readonly params: Algorithm
  readonly resident: boolean
  readonly userVerification: boolean
  /** Whether a key is to be wrapped under it. */
  readonly wraps: boolean
}

/** A credential that was just made, and its public key. */
export interface Registered {
  readonly credential: Credential
  readonly publicKey: Uint8Array
}

/** Whether a credential is there, the device tells those alone who know its id, or were verified: by that, the device that holds it is found. Some would ask for more unless told. */
const VERIFIED_OR_KNOWN = 2
const USER_ID_LENGTH = 32
const CHALLENGE_LENGTH = 32

/**
 * Makes a credential, and has `complete` do what makes it worth keeping: when that fails, a credential that the device would keep is deleted there. Rejects with
 * `not-available` for what the device can't do, `pin-missing`, and as the device does.
 */
export async function register<T>(session: Session, registration: Registration, random: RandomBytes, complete: (registered: Registered) => Promise<T>): Promise<T> {
  const { authenticator, device } = session
  requireAble(session, registration)
  const { relyingParty, params, resident, wraps } = registration
  const user = draw(random, USER_ID_LENGTH)
  const verified = needsVerification(session, registration) ? await session.verifyUser(['makeCredential'], relyingParty) : {}
  const created = await session.use(exchange => authenticator.makeCredential({
    relyingParty: { id: relyingParty, name: 'ipse' }, user: { id: user, name: 'ipse identity', displayName: 'ipse identity' }, algorithms: [params],
    clientDataHash: draw(random, CHALLENGE_LENGTH), resident, ...verified,
    ...wraps && { hmacSecret: true }, ...authenticator.info.extensions.includes('credProtect') && { credProtect: VERIFIED_OR_KNOWN },
  }, exchange))
  try {
    requireMade(created, registration)
    const { credentialId: id, counter, aaguid, publicKey } = created
    // Of text that counts the halves of some characters.
    const label = printable(device.product ?? 'FIDO2 device', LONGEST_LABEL / 2)
    const { transports } = authenticator.info
    const credential = { id, relyingParty, user, resident, counter, aaguid, label, transports: transports.length > 0 ? transports.slice(0, MOST_TRANSPORTS) : ['usb'] }
    return await complete({ credential, publicKey })
  } catch (error) {
    // If the device fails even this, there is nothing more to try.
    if (resident) await session.undo(undoing => deleteResident(undoing, relyingParty, created.credentialId)).catch(() => {})
    throw error
  }
}

/** Wraps the secret key under the credential: it opens with this device and its verified user alone. */
export async function wrapUnder(session: Session, { id, relyingParty }: Credential, secretKey: Uint8Array, scheme: EncryptionScheme, random: RandomBytes): Promise<NonNullable<Credential['wrapped']>> {
  const salt = newSalt(random)
  const { secret } = await assertWithSecret(session, { id, relyingParty, salt }, random)
  try {
    return wrapKey(secret, secretKey, { credential: id, publicKey: scheme.publicKey(secretKey), salt }, random)
  } finally {
    secret.fill(0)
  }
}

/** Deletes a credential that the device keeps. Rejects with `wrong-device` where it keeps none of that id, `not-available` where it can't delete. */
export async function deleteResident(session: Session, relyingParty: string, id: Uint8Array): Promise<void> {
  if (!canManage(session)) throw new Fault('not-available', 'The device has no command to delete a credential that it keeps: only a reset does, which erases all that it keeps')
  const verified = await session.verifyUser(['credentialManagement'], relyingParty)
  if (!('token' in verified)) throw new Fault('not-available', 'The device verifies its user without a token, which deleting needs')
  await session.use(exchange => session.authenticator.credentials(verified.token).delete(id, exchange))
}

function requireAble({ authenticator: { info } }: Session, { params, resident, wraps }: Registration): void {
  if (info.algorithms !== undefined && !info.algorithms.includes(params)) throw new Fault('not-available', `The device does not sign by ${params}: it has ${info.algorithms.join(', ')}`)
  if (resident && info.options.get('rk') !== true) throw new Fault('not-available', 'The device keeps no credentials: leave out "resident"')
  if (wraps && !info.extensions.includes('hmac-secret')) throw new Fault('not-available', 'The device has no hmac-secret, which keys for decryption are wrapped by')
}

/** What the device did must be what it was asked for. */
function requireMade({ userVerified, hmacSecret, credProtect = VERIFIED_OR_KNOWN }: CreatedCredential, { userVerification, wraps }: Registration): void {
  if ((userVerification || wraps) && !userVerified) throw new Fault('backend-failed', 'The device made a credential without verifying its user')
  if (credProtect > VERIFIED_OR_KNOWN) throw new Fault('not-available', 'The device tells nobody of its credentials who was not verified: it could not be found again')
  if (wraps && !hmacSecret) throw new Fault('not-available', 'The device made a credential without hmac-secret, which keys for decryption are wrapped by')
}

/** Also where the device is protected, and makes none for just anyone. */
function needsVerification({ authenticator: { info: { options } } }: Session, { userVerification, wraps, resident }: Registration): boolean {
  if (userVerification || wraps || options.get('alwaysUv') === true) return true
  const isProtected = options.get('clientPin') === true || options.get('uv') === true
  return isProtected && (resident || options.get('makeCredUvNotRqd') !== true)
}

function canManage({ authenticator: { info: { options } } }: Session): boolean {
  return options.get('credMgmt') === true || options.get('credentialMgmtPreview') === true
}
