import type { Entry } from '../../choice.ts'
import type { SignatureSuite, SuiteFacts } from '../../suite.ts'
import { p256Facts } from './facts.ts'
import { nativeP256 } from './native.ts'
import { portableP256 } from './portable.ts'

export const p256: Entry<SuiteFacts, SignatureSuite> = {
  facts: p256Facts,
  portable: portableP256,
  native: nativeP256,
}
