import { Fault } from '../../core/errors.ts'
import { nameIdentity } from '../../crypto/identity-name.ts'
import type { Format, IdentityName } from '../../crypto/identity-name.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { includes } from '../backend.ts'
import type { Capabilities } from '../backend.ts'
import type { Asked, Cryptosystem } from './offer.ts'

/** The secret keys of one identity: exactly those that its capabilities need. */
export interface Secrets {
  readonly signing: Uint8Array | undefined
  readonly encryption: Uint8Array | undefined
}

/** An identity that was just made. */
export interface Made {
  readonly name: IdentityName
  readonly secrets: Secrets
}

/** Makes exactly the keys that the capabilities need; when anything fails, those made before are erased. Throws `backend-failed`. */
export function makeSecrets({ system, capabilities, format }: Asked, random: RandomBytes): Made {
  let signing: Uint8Array | undefined
  let encryption: Uint8Array | undefined
  try {
    if (includes(capabilities, 'Commit')) signing = system.suite.generate(random)
    if (includes(capabilities, 'Decrypt')) encryption = system.scheme.generate(random)
    const secrets = { signing, encryption }
    return { name: nameOf(system, secrets, format), secrets }
  } catch (cause) {
    eraseSecrets({ signing, encryption })
    throw new Fault('backend-failed', 'Generating the keys failed, and nothing was kept: see the cause', { cause })
  }
}

/** The name that binds these keys. Throws `invalid-argument` for secret keys that are none. */
export function nameOf({ suite, scheme }: Cryptosystem, { signing, encryption }: Secrets, format: Format): IdentityName {
  return nameIdentity({
    format,
    ...signing && { sign: { suite, publicKey: suite.publicKey(signing) } },
    ...encryption && { encrypt: { scheme, publicKey: scheme.publicKey(encryption) } },
  })
}

/** How many bytes the secret keys of such an identity have; 0 for one that it does not have. */
export function secretLengths({ suite, scheme }: Cryptosystem, capabilities: Capabilities): { readonly signing: number; readonly encryption: number } {
  return {
    signing: includes(capabilities, 'Commit') ? suite.secretKeyLength : 0,
    encryption: includes(capabilities, 'Decrypt') ? scheme.secretKeyLength : 0,
  }
}

export function eraseSecrets({ signing, encryption }: Secrets): void {
  signing?.fill(0)
  encryption?.fill(0)
}
