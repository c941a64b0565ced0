import { challengeOf } from '../../../crypto/assertion.ts'
import { CiphertextOpener } from '../../../crypto/ciphertext.ts'
import { sameBytes } from '../../../crypto/bytes.ts'
import { portableX25519 } from '../../../crypto/encryption/x25519/portable.ts'
import { parseIdentityName } from '../../../crypto/identity-name.ts'
import type { IdentityName } from '../../../crypto/identity-name.ts'
import { parseAuthenticatorData } from '../../../crypto/authenticator-data.ts'
import type { RandomBytes } from '../../../crypto/suite.ts'
import { unwrapKey, wrapKey } from '../../credential/wrapping.ts'
import { challengeFor } from '../challenge.ts'
import type { Answer, AnswerOf, Ceremony, CeremonyOf, KeyAt, PageAssertion, Registration } from '../messages.ts'
import { CeremonyError, getAssertion, makeCredential } from './authenticator.ts'
import type { Asking } from './authenticator.ts'

/** What a ceremony may ask for while it goes on. */
export interface Stage extends Asking {
  readonly random: RandomBytes
  /** Whether the person has another authenticator at hand now. */
  another(): Promise<boolean>
}

const scheme = portableX25519

/**
 * Does what the person agreed to, with the authenticator. Secrets are made, wrapped, used and erased here, and none of them is in the answer; what is signed is computed
 * here from what was shown. Throws {@link CeremonyError}, and whatever the platform throws.
 */
export async function perform(ceremony: Ceremony, stage: Stage): Promise<Answer> {
  if (typeof PublicKeyCredential === 'undefined') throw new CeremonyError('not-available', 'This browser has no WebAuthn, or not at this address: it takes https, or localhost.')
  switch (ceremony.kind) {
    case 'register': return register(ceremony, stage)
    case 'commit': return commit(ceremony, stage)
    case 'decrypt': return decrypt(ceremony, stage)
    case 'enrol': return enrol(ceremony, stage)
  }
}

async function register(ceremony: CeremonyOf<'register'>, stage: Stage): Promise<AnswerOf<'registered'>> {
  if (ceremony.encryption === undefined) {
    const { attestation } = await makeCredential(ceremony, { salt: undefined }, stage)
    return { kind: 'registered', attestation }
  }
  const secretKey = scheme.generate(stage.random)
  try {
    return { kind: 'registered', ...await makeWrapping(ceremony, ceremony.encryption, [], secretKey, stage) }
  } finally {
    secretKey.fill(0)
  }
}

async function commit({ relyingParty, identity, data, credential, userVerification }: CeremonyOf<'commit'>, stage: Stage): Promise<AnswerOf<'committed'>> {
  const { assertion } = await getAssertion({ relyingParty, challenge: challengeOf(identity.name, data), userVerification, credentials: [credential] }, stage)
  return { kind: 'committed', assertion }
}

async function decrypt({ relyingParty, identity, ciphertext, keys, nonce }: CeremonyOf<'decrypt'>, stage: Stage): Promise<AnswerOf<'decrypted'>> {
  const { assertion, secretKey } = await unwrap(relyingParty, identity, keys, nonce, stage)
  try {
    const opener = new CiphertextOpener(await scheme.opener(secretKey), scheme, identity.name)
    try {
      const opened = await opener.open(ciphertext)
      return { kind: 'decrypted', assertion, plaintext: opened instanceof Uint8Array ? opened : null }
    } finally {
      opener.erase()
    }
  } finally {
    secretKey.fill(0)
  }
}

async function enrol(ceremony: CeremonyOf<'enrol'>, stage: Stage): Promise<AnswerOf<'enrolled'>> {
  const { relyingParty, identity, keys, nonce, encryption } = ceremony
  const { assertion, secretKey } = await unwrap(relyingParty, identity, keys, nonce, stage)
  try {
    if (!await stage.another()) throw new CeremonyError('denied', 'You said no. Nothing was done.')
    return { kind: 'enrolled', assertion, ...await makeWrapping(ceremony, encryption, keys, secretKey, stage) }
  } finally {
    secretKey.fill(0)
  }
}

/** Makes a credential, on none of the authenticators that have `exclude`, and wraps the secret key under its PRF, which may take a second touch. */
async function makeWrapping(
  registration: Registration, { salt, nonce }: NonNullable<CeremonyOf<'register'>['encryption']>, exclude: readonly KeyAt[], secretKey: Uint8Array, stage: Stage,
): Promise<Pick<AnswerOf<'enrolled'>, 'attestation' | 'encryption'>> {
  const { attestation, secret } = await makeCredential(registration, { salt, exclude }, stage)
  // Some authenticators answer the PRF only when they sign.
  const second = secret === undefined
    ? await getAssertion({ relyingParty: registration.relyingParty, challenge: challengeFor(nonce), userVerification: true, credentials: [{ ...attestation, salt }] }, stage)
    : undefined
  const under = secret ?? given(second?.secret)
  try {
    const publicKey = scheme.publicKey(secretKey)
    const { sealed } = wrapKey(under, secretKey, { credential: attestation.id, publicKey, salt }, stage.random)
    return { attestation, encryption: { publicKey, sealed, ...second && { assertion: second.assertion } } }
  } finally {
    under.fill(0)
  }
}

/** The identity's decryption key, by one of its authenticators, which verifies the user. The caller erases it. */
async function unwrap(
  relyingParty: { readonly id: string }, identity: IdentityName, keys: readonly KeyAt[], nonce: Uint8Array, stage: Stage,
): Promise<{ readonly assertion: PageAssertion; readonly secretKey: Uint8Array }> {
  const { encrypt } = parseIdentityName(identity)
  if (encrypt === undefined) throw new CeremonyError('backend-failed', 'This identity decrypts nothing.')
  const credentials = keys.map(({ credential, salt }) => ({ ...credential, salt }))
  const { assertion, secret } = await getAssertion({ relyingParty, challenge: challengeFor(nonce), userVerification: true, credentials }, stage)
  const under = given(secret)
  try {
    if (parseAuthenticatorData(assertion.authenticatorData)?.userVerified !== true) throw new CeremonyError('backend-failed', 'The authenticator did not verify you.')
    const key = keys.find(({ credential }) => sameBytes(credential.id, assertion.id))
    const secretKey = key && unwrapKey(under, key.sealed, { credential: assertion.id, publicKey: encrypt.publicKey, salt: key.salt }, scheme)
    if (secretKey === undefined) throw new CeremonyError('wrong-device', 'This authenticator does not hold this key.')
    return { assertion, secretKey }
  } finally {
    under.fill(0)
  }
}

function given(secret: Uint8Array | undefined): Uint8Array {
  if (secret === undefined) throw new CeremonyError('not-available', 'This authenticator or browser cannot unwrap a decryption key: it has no PRF.')
  return secret
}
