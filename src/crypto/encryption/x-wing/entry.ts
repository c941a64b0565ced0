import type { Entry } from '../../choice.ts'
import type { EncryptionFacts, EncryptionScheme } from '../../encryption.ts'
import { xWingFacts } from './facts.ts'
import { nativeXWing } from './native.ts'
import { portableXWing } from './portable.ts'

export const xWing: Entry<EncryptionFacts, EncryptionScheme> = {
  facts: xWingFacts,
  portable: portableXWing,
  native: nativeXWing,
}
