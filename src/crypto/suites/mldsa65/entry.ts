import type { Entry } from '../../choice.ts'
import type { SignatureSuite, SuiteFacts } from '../../suite.ts'
import { mldsa65Facts } from './facts.ts'
import { nativeMldsa65 } from './native.ts'
import { portableMldsa65 } from './portable.ts'

export const mldsa65: Entry<SuiteFacts, SignatureSuite> = {
  facts: mldsa65Facts,
  portable: portableMldsa65,
  native: nativeMldsa65,
}
