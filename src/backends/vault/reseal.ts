import { bytesToHex } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'
import { draw } from '../../crypto/random.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { eraseSecrets } from '../local-memory/secrets.ts'
import type { Change, Row } from '../../stores/store.ts'
import { rowsOf } from './inspection.ts'
import type { Ledger } from './ledger.ts'
import { add, NONE, sameTally } from './manifest.ts'
import type { Tally } from './manifest.ts'
import { settle } from './opening.ts'
import { isOver, sealRecord, unsealFacts, unsealRecord } from './record.ts'
import type { Keyslots } from './root-keys.ts'
import { attemptKey, describeRow, identityKey, kindOf, purgedKey, textOf } from './rows.ts'
import { Session } from './session.ts'

const ROWS_PER_TURN = 32
const NOTHING = new Uint8Array()

/**
 * Seals everything anew, with a new root key, but for the identities in `purged`, of whom it is noted that they were. The keyslots hold both keys while
 * that is stored: wherever it is cut short, the manifest tells which one counts. To be called alone. Rejects with `vault-damaged` for a
 * record that can't be unsealed and is not purged: it would be lost for good; and where the rows are not those that the manifest is of: what was
 * changed since the vault was opened would be its state for good.
 */
export async function reseal(ledger: Ledger, keyslots: Keyslots, random: RandomBytes, purged: ReadonlySet<string>): Promise<void> {
  const { session } = ledger
  await settle(keyslots, session)
  const generation = session.generation + 1
  const both = session.keysWith([[generation, draw(random, 32)]])
  const next = new Session(both, generation, random)
  let resealed: { readonly changes: readonly Change[]; readonly tally: Tally }
  try {
    resealed = await sealAnew(ledger, session, next, purged)
    await keyslots.replaceKeys(session.keys, both)
  } catch (error) {
    both.keys.get(generation)?.fill(0)
    next.retire()
    throw error
  }
  session.hold(both)
  await ledger.commit(resealed.changes, next, resealed.tally)
  await settle(keyslots, next)
}

async function sealAnew(
  { store, books: { manifest, damaged } }: Ledger, session: Session, next: Session, purged: ReadonlySet<string>,
): Promise<{ readonly changes: readonly Change[]; readonly tally: Tally }> {
  const changes = new Map<string, Change>()
  let found = NONE
  let tally = NONE
  const put = (row: Row) => {
    changes.set(bytesToHex(row.key), row)
    tally = add(tally, next.weigh(row))
  }
  const attempts = new Map<string, string>()
  const kept = new Set<string>()
  for await (const row of rowsOf(store, ROWS_PER_TURN)) {
    const kind = kindOf(row.key)
    const rowName = bytesToHex(row.key)
    if (!damaged.has(rowName)) found = add(found, session.weigh(row))
    // Unless it is sealed anew, below.
    changes.set(rowName, { key: row.key, value: undefined })
    if (kind === 'purged') put(next.seal(row.key, NOTHING))
    const name = kind === 'attempt' ? session.unseal(row) : undefined
    if (name !== undefined) attempts.set(textOf(row.key), new TextDecoder().decode(name))
    if (kind !== 'identity' || purged.has(textOf(row.key))) continue
    const record = requireWhole(row, unsealRecord(session, row))
    const { facts: { attempt, deleted, name: keptName }, secrets } = record
    put(sealRecord(next, record))
    eraseSecrets(secrets)
    kept.add(keptName)
    // Also where its own row was lost. Rows of attempts come before those of identities, and say which one counts.
    if (attempt !== undefined && deleted === undefined && !attempts.has(attempt)) attempts.set(attempt, keptName)
  }
  if (!sameTally(found, manifest)) throw new Fault('vault-damaged', 'Records were changed while the vault was open: open it anew, which names them')
  for (const [attempt, name] of attempts) if (kept.has(name)) put(next.seal(attemptKey(attempt), new TextEncoder().encode(name)))
  for (const name of purged) put(next.seal(purgedKey(name), NOTHING))
  return { changes: [...changes.values()], tally }
}

function requireWhole<T>({ key }: Row, record: T | undefined): T {
  if (record !== undefined) return record
  throw new Fault('vault-damaged', `${describeRow(key)} is damaged, and would be lost for good: import it from a backup, or name it to purge`)
}

/**
 * Which identities a purge is of: these, or all whose delete can't be taken back any more. To be called alone. Rejects with `not-found` for one that the vault
 * does not hold, `invalid-argument` for one that is not deleted.
 */
export async function purgeable({ store, session }: Ledger, now: number, named?: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  if (named === undefined) {
    for await (const row of rowsOf(store, ROWS_PER_TURN)) {
      const facts = kindOf(row.key) === 'identity' ? unsealFacts(session, row) : undefined
      if (facts !== undefined && isOver(facts, now)) found.add(facts.name)
    }
    return found
  }
  for (const name of named) {
    const key = identityKey(name)
    // oxlint-disable-next-line no-await-in-loop -- few are named
    const value = await store.get(key)
    if (value === undefined) throw new Fault('not-found', 'The vault does not hold an identity that was named to purge')
    const facts = unsealFacts(session, { key, value })
    // One that is damaged may be purged: it can't be deleted before.
    if (facts !== undefined && facts.deleted === undefined) throw new Fault('invalid-argument', 'An identity that was named to purge is not deleted: delete it first')
    found.add(name)
  }
  return found
}
