import type { Entry } from '../../choice.ts'
import type { SignatureSuite, SuiteFacts } from '../../suite.ts'
import { secp256k1Facts } from './facts.ts'
import { nativeSecp256k1 } from './native.ts'
import { portableSecp256k1 } from './portable.ts'

export const secp256k1: Entry<SuiteFacts, SignatureSuite> = {
  facts: secp256k1Facts,
  portable: portableSecp256k1,
  native: nativeSecp256k1,
}
