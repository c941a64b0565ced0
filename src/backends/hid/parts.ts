import type { RandomBytes } from '../../crypto/suite.ts'
import type { CredentialRecords } from '../credential/records.ts'
import type { Requests } from './requests.ts'

/** What identities on devices are made of, and made like. */
export interface HidParts {
  readonly requests: Requests
  readonly records: CredentialRecords
  readonly random: RandomBytes
  /** Its id. */
  readonly relyingParty: string
  /** Whether commitments need a verified user. Decryption always does. */
  readonly userVerification: boolean
  /** Whether devices keep what they make. */
  readonly resident: boolean
}
