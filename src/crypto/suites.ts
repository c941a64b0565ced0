import { sameBytes } from './bytes.ts'
import { choiceOf } from './choice.ts'
import type { Path, SignatureSuite, SuiteFacts } from './suite.ts'
import { bls } from './suites/bls/entry.ts'
import { ed25519 } from './suites/ed25519/entry.ts'
import { mldsa65 } from './suites/mldsa65/entry.ts'
import { p256 } from './suites/p256/entry.ts'
import { secp256k1 } from './suites/secp256k1/entry.ts'

/** Every signature scheme there is. `params` and multicodecs are distinct. */
const choice = choiceOf<SuiteFacts, SignatureSuite>([ed25519, secp256k1, bls, p256, mldsa65], ({ params }) => params)

/** What is known of each scheme before any code of it is chosen. */
export const schemes: readonly SuiteFacts[] = choice.facts

/** The suites in use, one for each scheme; or all that there are of one path. Loads the native packages. */
export function suites(path?: Path): readonly SignatureSuite[] {
  return choice.all(path)
}

/** The suite that these `params` select, if there is one. */
export function suiteByParams(params: string): SignatureSuite | undefined {
  return choice.find(facts => facts.params === params)
}

/** The suite whose public keys begin with this multicodec prefix, if there is one. */
export function suiteByMulticodec(prefix: Uint8Array): SignatureSuite | undefined {
  return choice.find(({ multicodec }) => sameBytes(multicodec, prefix))
}
