import type { ECDSA } from '@noble/curves/abstract/weierstrass.js'
import { z } from 'zod'
import { hexBytes, wycheproof } from './schemas.ts'
import type { Case } from './set.ts'
import { suiteOn } from './suite-on.ts'

const file = wycheproof({ publicKey: z.object({ uncompressed: hexBytes }) }, { msg: hexBytes, sig: hexBytes })

/** How the file writes signatures: r ‖ s, as the suites do, or DER, which is no format of theirs. */
export type SignatureFormat = 'p1363' | 'der'

/** The cases of a Wycheproof file of ECDSA signatures. */
export function ecdsaCases(json: unknown, params: string, curve: ECDSA, format: SignatureFormat): readonly Case[] {
  return file.parse(json).testGroups.flatMap(({ publicKey, tests }) => {
    const compressed = curve.Point.fromBytes(publicKey.uncompressed).toBytes(true)
    return tests.map(({ tcId, result, msg, sig }) => ({
      id: `${tcId}`,
      published: result,
      accepts: path => suiteOn(path, params).verify(compressed, msg, format === 'der' ? fromDer(curve, sig) : sig),
    }))
  })
}

/** What is not strict DER of two numbers in range is no signature: it becomes one of no length. */
function fromDer(curve: ECDSA, der: Uint8Array): Uint8Array {
  try {
    return curve.Signature.fromBytes(der, 'der').toBytes('compact')
  } catch {
    return new Uint8Array(0)
  }
}
