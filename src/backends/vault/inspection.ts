import { bytesToHex } from '@noble/hashes/utils.js'
import { turn } from '../../crypto/turns.ts'
import type { Row, Store } from '../../stores/store.ts'
import { add, NONE } from './manifest.ts'
import type { Manifest, Tally } from './manifest.ts'
import { unsealFacts } from './record.ts'
import { ALL, attemptKey, describeRow, identityKey, kindOf, textOf } from './rows.ts'
import type { Session } from './session.ts'

/** What is wrong with a record, for people. */
export interface Damage {
  /** As its row's key has it: "identity z6Mk…", "attempt 3f…", "manifest". */
  readonly record: string
  readonly problem: string
}

const ROWS_PER_TURN = 128

/** All rows of the vault but the manifest. The event loop has its turns. */
export async function* rowsOf(store: Store, perTurn = ROWS_PER_TURN): AsyncGenerator<Row> {
  let seen = 0
  for await (const row of store.range(ALL)) {
    if (++seen % perTurn === 0) await turn()
    if (kindOf(row.key) !== 'manifest') yield row
  }
}

/** What there is, without the rows that are known to be damaged, as hexadecimal keys. */
export async function count(store: Store, session: Session, damaged: ReadonlySet<string>): Promise<Tally> {
  let tally = NONE
  for await (const row of rowsOf(store)) if (!damaged.has(bytesToHex(row.key))) tally = add(tally, session.weigh(row))
  return tally
}

/** What is left of a vault that is not what its manifest says. */
export interface Inspected {
  /** Of the rows that are whole. */
  readonly whole: Tally
  /** The keys of those that are not. */
  readonly damaged: readonly Uint8Array[]
  /** One at least. */
  readonly damage: readonly Damage[]
}

/** Unseals each row, to tell which are at fault; of the manifest, it is known if it is. */
export async function inspect(store: Store, session: Session, manifest: Manifest | Damage): Promise<Inspected> {
  let whole = NONE
  const damaged: Uint8Array[] = []
  const damage: Damage[] = 'problem' in manifest ? [manifest] : []
  const identities = new Map<string, string | undefined>()
  const attempts = new Map<string, string>()
  for await (const row of rowsOf(store, ROWS_PER_TURN / 8)) {
    const { key } = row
    const kind = kindOf(key)
    const plaintext = kind === 'identity' || kind === undefined ? undefined : session.unseal(row)
    const facts = kind === 'identity' ? unsealFacts(session, row) : undefined
    if (facts !== undefined) identities.set(facts.name, facts.attempt)
    if (kind === 'attempt' && plaintext !== undefined) attempts.set(textOf(key), new TextDecoder().decode(plaintext))
    if (plaintext === undefined && facts === undefined) {
      damaged.push(key)
      damage.push({ record: describeRow(key), problem: kind === undefined ? 'no vault writes such a row' : 'it was changed, swapped, or is of another generation or version' })
    } else {
      whole = add(whole, session.weigh(row))
    }
  }
  const described = new Set(damage.map(({ record }) => record))
  const missing = [
    ...Array.from(attempts.values()).filter(name => !identities.has(name)).map(name => describeRow(identityKey(name))),
    ...Array.from(identities.values(), attempt => attempt ?? []).flat().filter(attempt => !attempts.has(attempt)).map(attempt => describeRow(attemptKey(attempt))),
  ].filter(record => !described.has(record))
  damage.push(...missing.map(record => ({ record, problem: 'it is missing' })))
  if (damage.length === 0 && 'count' in manifest) damage.push({ record: 'the whole', problem: differing(whole, manifest) })
  return { whole, damaged, damage }
}

function differing({ count }: Tally, manifest: Manifest): string {
  if (count === manifest.count) return 'each record is whole, but some are of an earlier time'
  return `there are ${count} records, each whole, where there should be ${manifest.count}: some are missing, or of an earlier time`
}
