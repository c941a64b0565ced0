import { Fault } from '../../core/errors.ts'
import type { EncryptionScheme } from '../../crypto/encryption.ts'
import { encryptionByName } from '../../crypto/encryptions.ts'
import { parseIdentityName } from '../../crypto/identity-name.ts'
import type { EncryptionKey } from '../../crypto/identity-name.ts'
import type { SignatureSuite } from '../../crypto/suite.ts'
import { suiteByParams } from '../../crypto/suites.ts'
import type { CredentialRecord } from '../credential/record.ts'

/** The schemes of an identity whose keys a device has, or wraps. */
export function schemesOf(params: string): { readonly suite: SignatureSuite; readonly scheme: EncryptionScheme } {
  const suite = suiteByParams(params)
  const scheme = suite && encryptionByName(suite.encryption)
  if (suite === undefined || scheme === undefined) throw new Fault('not-available', `This platform has no ${params}`)
  return { suite, scheme }
}

/** The key that others encrypt to, as the name has it. Throws `not-available` for an identity that does not decrypt. */
export function encryptionKeyOf({ name, bundle }: Pick<CredentialRecord, 'name' | 'bundle'>): EncryptionKey {
  const { encrypt } = parseIdentityName({ name, ...bundle && { bundle } })
  if (encrypt === undefined) throw new Fault('not-available', 'This identity was generated without the capability to decrypt')
  return encrypt
}
