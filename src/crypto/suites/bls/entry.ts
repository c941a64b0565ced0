import type { Entry } from '../../choice.ts'
import type { SignatureSuite, SuiteFacts } from '../../suite.ts'
import { blsFacts } from './facts.ts'
import { nativeBls } from './native.ts'
import { portableBls } from './portable.ts'

export const bls: Entry<SuiteFacts, SignatureSuite> = {
  facts: blsFacts,
  portable: portableBls,
  native: nativeBls,
}
