import { nodePlatform } from '../../src/crypto/node/platform.ts'
import type { Path } from '../../src/crypto/suite.ts'
import { verifyInContext as verifyNatively } from '../../src/crypto/suites/mldsa65/native.ts'
import { verifyInContext as verifyPortably } from '../../src/crypto/suites/mldsa65/portable.ts'
import { hexBytes, wycheproof } from '../schemas.ts'
import type { VectorSet } from '../set.ts'
import { suiteOn } from '../suite-on.ts'

const file = wycheproof({ publicKey: hexBytes }, { msg: hexBytes, sig: hexBytes, ctx: hexBytes.optional() })

/** The suite has the empty context alone: a case with another runs what the suite's `verify` is made of. */
function verify(path: Path, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, context: Uint8Array | undefined): boolean {
  const suite = suiteOn(path, 'MLDSA65')
  if (context === undefined || context.length === 0) return suite.verify(publicKey, message, signature)
  if (path === 'portable') return verifyPortably(publicKey, message, signature, context)
  return nodePlatform !== undefined && verifyNatively(nodePlatform, publicKey, message, signature, context)
}

export const mldsa65Sets: readonly VectorSet[] = [{
  name: 'Wycheproof ML-DSA-65 verify',
  file: 'wycheproof/mldsa_65_verify_test.json',
  count: { cases: 210, valid: 79 },
  read: json => file.parse(json).testGroups.flatMap(({ publicKey, tests }) => tests.map(({ tcId, result, msg, sig, ctx }) => ({
    id: `${tcId}`,
    published: result,
    accepts: path => verify(path, publicKey, msg, sig, ctx),
  }))),
}]
