import { verify } from '../../src/index.ts'
import type { Borrowed, ExternalIdentity } from '../../src/index.ts'
import { judged, rounded } from '../report.ts'
import type { Row } from '../report.ts'
import { assertComplete, median, race, timed } from '../rounds.ts'
import type { Effort, Lane } from '../rounds.ts'
import { generateMany, openLife } from './place.ts'
import type { Life } from './place.ts'
import type { Populated } from './restart.ts'

const IN_FLIGHT = 64
/** Connects that a lane counts in. */
const CONNECTS = 1_000
/** How many identities are awake, whom a lane connects to in turn. */
const AWAKE = 100

/**
 * `connect-after-restart`: milliseconds of connects to identities that no process has used since the restart, one at a time, so that each is woken from its sealed record, beside connects to
 * such as are awake. `growth-durable`: nanoseconds of a generate (64 in flight) and of a connect to an identity that is awake, among many identities and among few.
 */
export async function connecting(effort: Effort, few: Populated, many: Populated): Promise<readonly Row[]> {
  await using small = await openLife(few.folder)
  await using large = await openLife(many.folder)
  const sleepers = (await large.identities.list()).map(({ externalIdentity }) => externalIdentity)
  assertComplete('connect-after-restart', sleepers.length, many.count)
  const [dormant = [], awake = []] = await race(effort, 10, [woken(large, sleepers), await connected(large)])
  const [connects = [], connectsOfFew = []] = await race(effort, CONNECTS, [await connected(large), await connected(small)])
  const [among = [], amongFew = []] = await race(effort, IN_FLIGHT, [generated(large), generated(small)])
  const [first, later] = [1000 / median(dormant), 1000 / median(awake)]
  return [
    // Not rounded as others are: it may be a thousandth.
    judged({ name: 'connect-after-restart', peer: 'awake', ours: rounded(first), theirs: rounded(later), ratio: Number((later / first).toPrecision(3)), unit: 'ms' }),
    growth('generate', many, few, among, amongFew), growth('connect', many, few, connects, connectsOfFew),
  ]
}

function growth(what: string, many: Populated, few: Populated, ours: readonly number[], theirs: readonly number[]): Row {
  const [a, b] = [1e9 / median(ours), 1e9 / median(theirs)]
  const among = ({ count }: Populated) => `among ${count.toLocaleString('en')}`
  return judged({ name: 'growth-durable', variant: `${what} ${among(many)}`, peer: among(few), ours: Math.round(a), theirs: Math.round(b), ratio: rounded(a / b), unit: 'ns' })
}

/** Each connect is the first to that identity. Those that are left over stay dormant. */
function woken({ identities }: Life, sleepers: ExternalIdentity[]): Lane {
  return async operations => {
    const these = sleepers.splice(0, operations)
    assertComplete('connect-after-restart: dormant', these.length, operations)
    let last: Borrowed<'CommitAndDecrypt'> | undefined
    const time = await timed(async () => {
      for (const one of these) last = await identities.connect(one, 'CommitAndDecrypt')
    })
    await assertCommits(last)
    return time
  }
}

async function connected({ identities }: Life): Promise<Lane> {
  const awake = await generateMany(identities, AWAKE, IN_FLIGHT)
  return async operations => {
    let last: Borrowed<'CommitAndDecrypt'> | undefined
    let made = 0
    const time = await timed(async () => {
      while (made < operations) {
        const one = awake[made++ % AWAKE]
        if (one !== undefined) last = await identities.connect(one, 'CommitAndDecrypt')
      }
    })
    await assertCommits(last)
    return time
  }
}

function generated({ identities }: Life): Lane {
  return async operations => {
    let made: readonly ExternalIdentity[] = []
    const time = await timed(async () => {
      made = await generateMany(identities, operations, IN_FLIGHT)
    })
    assertComplete('growth-durable', made.length, operations)
    return time
  }
}

async function assertCommits(identity: Borrowed<'CommitAndDecrypt'> | undefined): Promise<void> {
  const data = new Uint8Array(32).fill(7)
  if (identity !== undefined && await verify(identity.externalIdentity, data, await identity.commit(data))) return
  throw new Error('connect: what was committed does not verify')
}
