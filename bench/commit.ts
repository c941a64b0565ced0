import { createNode, identities, identityManagement, verify } from '../src/index.ts'
import { SuiteBackend, suiteOn } from './engines/suite-backend.ts'
import { collectYoung } from './garbage.ts'
import { judged, rounded, rowOf } from './report.ts'
import type { Row } from './report.ts'
import { assertComplete, median, timed } from './rounds.ts'
import type { Effort } from './rounds.ts'

const COMMITS = 10_000
/** How many commitments one lane makes before the other has its turn: a change of the machine's speed then hits both. */
const BLOCK = 50

/**
 * `commit`: an identity's commitments, through client and Commitment engine, beside the same signer called in a loop. It signs
 * with OpenSSL's Ed25519, since beside the portable one's milliseconds nothing that is added could be seen.
 */
export async function commit(effort: Effort): Promise<readonly Row[]> {
  await using node = await createNode()
  const client = node.client('bench')
  const backend = new SuiteBackend(suiteOn('native', 'Ed25519'))
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [backend] } })
  const identity = await identities(client, im).generate({ params: 'Ed25519', capabilities: 'Commit' })
  const { externalIdentity } = identity
  const signer = backend.signer()
  const data = new Uint8Array(32).fill(7)

  const first = signer.sign(data)
  const { length } = first

  const ours: number[] = []
  const theirs: number[] = []
  const added: number[] = []
  for (let round = 0; round <= effort.rounds; round++) {
    const blocks = Math.ceil(COMMITS / (round === 0 ? 1 : effort.divisor) / BLOCK)
    let through = 0
    let bare = 0
    let made = 0
    let last = first
    const throughEngine = async () => {
      for (let i = 0; i < BLOCK; i++) {
        last = await identity.commit(data)
        if (last.length === length) made++
      }
    }
    const inLoop = () => {
      for (let i = 0; i < BLOCK; i++) {
        if (signer.sign(data).length === length) made++
      }
    }
    collectYoung()
    for (let block = 0; block < blocks; block++) {
      if (block % 2 === 0) through += await timed(throughEngine)
      bare += await timed(inLoop)
      if (block % 2 === 1) through += await timed(throughEngine)
    }
    assertComplete('commit', made, 2 * blocks * BLOCK)
    if (!await verify(externalIdentity, data, last)) throw new Error('commit: what was committed does not verify')
    if (round === 0) continue
    const commits = blocks * BLOCK
    ours.push(commits / (through / 1000))
    theirs.push(commits / (bare / 1000))
    added.push((through - bare) * 1000 / commits)
  }
  return [judged({ ...rowOf('commit', 'bare signer', ours, theirs), addedMicroseconds: rounded(median(added)) })]
}
