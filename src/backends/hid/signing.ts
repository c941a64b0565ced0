import { Fault } from '../../core/errors.ts'
import { assertionCommitment, challengeOf } from '../../crypto/assertion.ts'
import { verifyCommitment } from '../../crypto/commitment.ts'
import { compactSignature } from '../../crypto/cose.ts'
import { parseIdentityName } from '../../crypto/identity-name.ts'
import { identityOf } from '../credential/record.ts'
import type { Credential, CredentialRecord } from '../credential/record.ts'
import type { Session } from './ceremony.ts'

/** Has the device sign, as the identity's name says that it must. What it signed is verified before anybody hears of it. */
export async function signWith(session: Session, record: CredentialRecord, { id, relyingParty }: Credential, data: Uint8Array): Promise<{ readonly commitment: Uint8Array; readonly counter: number }> {
  const { authenticator } = session
  const identity = identityOf(record)
  const isVerified = parseIdentityName(identity).assertion?.userVerification !== false || authenticator.info.options.get('alwaysUv') === true
  const verified = isVerified ? await session.verifyUser(['getAssertion'], relyingParty) : {}
  const [assertion] = await session.use(exchange => authenticator.getAssertions({ relyingParty, clientDataHash: challengeOf(record.name, data), allow: [id], ...verified }, exchange))
  const signature = assertion && (record.params === 'P256' ? compactSignature(assertion.signature) : assertion.signature)
  if (assertion !== undefined && signature !== undefined) {
    const commitment = assertionCommitment({ authenticatorData: assertion.authenticatorData, signature })
    if (verifyCommitment(identity, data, commitment)) return { commitment, counter: assertion.counter }
  }
  throw new Fault('backend-failed', 'The device answered with an assertion that does not hold')
}
