import { generateKeyPairSync, sign } from 'node:crypto'
import { signable } from '../src/crypto.ts'
import type { Path } from '../src/crypto.ts'
import { createNode, identities, identityManagement, verifyBatch } from '../src/index.ts'
import type { Commits, ExternalIdentity, Node } from '../src/index.ts'
import { SuiteBackend, suiteOn } from './engines/suite-backend.ts'
import { rowOf } from './report.ts'
import type { Row } from './report.ts'
import { assertComplete, race, timed } from './rounds.ts'
import type { Effort, Lane } from './rounds.ts'

/** How many requests of the host are under way at once. */
const IN_FLIGHT = 100
/** How many data go into one batch. */
const BATCH = 500

const data = new Uint8Array(32).fill(7)

type Signs = Commits & { readonly externalIdentity: ExternalIdentity }

async function signing(node: Node, params: 'Ed25519' | 'Secp256k1' | 'BLS' | 'P256' | 'MLDSA65', path: Path): Promise<Signs> {
  const im = await node.spawn(identityManagement, { name: `${params}-${path}`, services: { backends: [new SuiteBackend(suiteOn(path, params))] } })
  return identities(node.client('bench'), im).generate({ params, capabilities: 'Commit' })
}

/** Commitments through client and engine, 100 in flight. Verifies those that were made last. */
function committing(who: string, identity: Signs): Lane {
  return async operations => {
    let last: readonly Uint8Array[] = []
    let made = 0
    const time = await timed(async () => {
      for (let left = operations; left > 0; left -= IN_FLIGHT) {
        last = await Promise.all(Array.from({ length: Math.min(left, IN_FLIGHT) }, () => identity.commit(data)))
        made += last.length
      }
    })
    assertComplete(who, made, operations)
    await assertVerified(who, identity, last.slice(0, 3))
    return time
  }
}

function committingInBatches(who: string, identity: Signs): Lane {
  return async operations => {
    let last: readonly Uint8Array[] = []
    let made = 0
    const time = await timed(async () => {
      for (let left = operations; left > 0; left -= BATCH) {
        const answers = await identity.commitBatch(Array.from({ length: Math.min(left, BATCH) }, () => data))
        last = answers.flatMap(answer => 'commitment' in answer ? [answer.commitment] : [])
        made += last.length
      }
    })
    assertComplete(who, made, operations)
    await assertVerified(who, identity, last.slice(0, 3))
    return time
  }
}

async function assertVerified(who: string, { externalIdentity }: Signs, commitments: readonly Uint8Array[]): Promise<void> {
  const verified = await verifyBatch(commitments.map(commitment => ({ identity: externalIdentity, data, commitment })))
  if (verified.includes(false)) throw new Error(`${who}: what was committed does not verify`)
}

/**
 * `commit-ed25519`: commitments on one core, beside a loop over OpenSSL's `sign` with the same bytes. `commit-ed25519-cores`: the same in batches, for which
 * all cores sign, beside one.
 */
export async function commitEd25519(effort: Effort): Promise<readonly Row[]> {
  await using node = await createNode()
  const identity = await signing(node, 'Ed25519', 'native')
  const { privateKey } = generateKeyPairSync('ed25519')
  const message = signable('data', identity.externalIdentity.name, data)
  const bare: Lane = async operations => {
    let bytes = 0
    const time = await timed(() => {
      for (let i = 0; i < operations; i++) bytes += sign(null, message, privateKey).length
    })
    assertComplete('OpenSSL', bytes, operations * 64)
    return time
  }
  const [ours, theirs, all] = await race(effort, BATCH, [
    committing('commit-ed25519', identity), bare, committingInBatches('commit-ed25519-cores', identity),
  ])
  if (ours === undefined || theirs === undefined || all === undefined) return []
  return [rowOf('commit-ed25519', 'OpenSSL in a loop', ours, theirs), rowOf('commit-ed25519-cores', 'one core', all, ours)]
}

/** `commit-…`: commitments through client and engine by native code, beside the same by portable code. */
function commitNatively(name: string, params: 'Secp256k1' | 'BLS' | 'P256' | 'MLDSA65') {
  return async (effort: Effort): Promise<readonly Row[]> => {
    await using node = await createNode()
    const [native, portable] = [await signing(node, params, 'native'), await signing(node, params, 'portable')]
    const [ours, theirs] = await race(effort, 1, [committing(name, native), committing(`${name}, portable`, portable)])
    return ours === undefined || theirs === undefined ? [] : [rowOf(name, 'portable', ours, theirs)]
  }
}

export const commitSecp256k1 = commitNatively('commit-secp256k1', 'Secp256k1')
export const commitP256 = commitNatively('commit-p256', 'P256')
export const commitMldsa65 = commitNatively('commit-mldsa65', 'MLDSA65')
export const commitBls = commitNatively('commit-bls', 'BLS')
