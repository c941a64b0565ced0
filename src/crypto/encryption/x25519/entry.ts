import type { Entry } from '../../choice.ts'
import type { EncryptionFacts, EncryptionScheme } from '../../encryption.ts'
import { x25519Facts } from './facts.ts'
import { nativeX25519 } from './native.ts'
import { portableX25519 } from './portable.ts'

export const x25519: Entry<EncryptionFacts, EncryptionScheme> = {
  facts: x25519Facts,
  portable: portableX25519,
  native: nativeX25519,
}
