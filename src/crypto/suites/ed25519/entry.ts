import type { Entry } from '../../choice.ts'
import type { SignatureSuite, SuiteFacts } from '../../suite.ts'
import { ed25519Facts } from './facts.ts'
import { nativeEd25519 } from './native.ts'
import { portableEd25519 } from './portable.ts'

export const ed25519: Entry<SuiteFacts, SignatureSuite> = {
  facts: ed25519Facts,
  portable: portableEd25519,
  native: nativeEd25519,
}
