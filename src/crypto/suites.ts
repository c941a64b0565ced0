import { sameBytes } from './bytes.ts'
import type { SignatureSuite } from './suite.ts'
import { blsSuite } from './suites/bls.ts'
import { ed25519Suite } from './suites/ed25519.ts'
import { secp256k1Suite } from './suites/secp256k1.ts'

/** Every signature suite there is. `params` and multicodecs are distinct. */
export const suites: readonly SignatureSuite[] = Object.freeze([ed25519Suite, secp256k1Suite, blsSuite])

/** The suite that these `params` select, if there is one. */
export function suiteByParams(params: string): SignatureSuite | undefined {
  return suites.find(suite => suite.params === params)
}

/** The suite whose public keys begin with this multicodec prefix, if there is one. */
export function suiteByMulticodec(prefix: Uint8Array): SignatureSuite | undefined {
  return suites.find(suite => sameBytes(suite.multicodec, prefix))
}
