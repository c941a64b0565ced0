import { randomBytes } from '../src/crypto.ts'
import type { SignedMessage } from '../src/crypto.ts'
import { suiteOn } from './engines/suite-backend.ts'
import { rowOf } from './report.ts'
import type { Row } from './report.ts'
import { assertComplete, race, timed } from './rounds.ts'
import type { Effort } from './rounds.ts'

const SIGNATURES = 1000

/** `verify-bls-batch`: 1,000 signatures of distinct messages by distinct keys, verified together, beside one by one; both from bytes. */
export async function verifyBlsBatch(effort: Effort): Promise<readonly Row[]> {
  const suite = suiteOn('native', 'BLS')
  const count = SIGNATURES / effort.divisor
  const signed = Array.from({ length: count }, (_, i): SignedMessage => {
    const secretKey = suite.generate(randomBytes)
    const message = Uint8Array.of(i >> 8, i & 255, ...randomBytes(30))
    return { publicKey: suite.publicKey(secretKey), message, signature: suite.sign(secretKey, message) }
  })
  const [together, apart] = await race(effort, count, [
    async operations => {
      let verified = 0
      const time = await timed(async () => {
        for (let done = 0; done < operations; done += count) verified += (await suite.verifyBatch(signed, randomBytes)).filter(Boolean).length
      })
      assertComplete('verify-bls-batch', verified, operations)
      return time
    },
    async operations => {
      let verified = 0
      const time = await timed(() => {
        for (let done = 0; done < operations; done += count) {
          for (const { publicKey, message, signature } of signed) if (suite.verify(publicKey, message, signature)) verified++
        }
      })
      assertComplete('one by one', verified, operations)
      return time
    },
  ])
  return together === undefined || apart === undefined ? [] : [rowOf('verify-bls-batch', 'one by one', together, apart)]
}
