import type { ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import { eraseSecrets } from '../local-memory/secrets.ts'
import type { Change } from '../../stores/store.ts'
import type { Batch } from './batch.ts'
import type { Ledger } from './ledger.ts'
import { identityOf, isOver, sealRecord, unsealFacts, unsealRecord } from './record.ts'
import type { IdentityRecord } from './record.ts'
import { identityKey, purgedKey } from './rows.ts'
import type { Session } from './session.ts'

/**
 * What became of an identity in a backup: `imported`, or it was there already: `present`; or it is not imported, since here it is `deleted` (`undelete` has it
 * back) or `purged`, which is also said of one whose delete can't be taken back any more.
 */
export type ImportOutcome = 'imported' | 'present' | 'deleted' | 'purged'

export interface Imported {
  readonly externalIdentity: ExternalIdentity
  readonly outcome: ImportOutcome
  /** For one that the vault now holds: 32 secret bytes to adopt it with, in this process. The next import gives others. */
  readonly claim?: Uint8Array
}

/** Copies of these identities, whose secrets are the caller's to erase. Rejects with `not-found` for one that is not there or was deleted, `backend-failed`. */
export function copiesOf(ledger: Ledger, identities: readonly ExternalIdentity[]): Promise<readonly IdentityRecord[]> {
  return ledger.alone(async () => {
    const { session, store } = ledger
    const records: IdentityRecord[] = []
    try {
      for (const name of new Set(identities.map(({ name }) => name))) {
        const key = identityKey(name)
        // oxlint-disable-next-line no-await-in-loop -- what was unsealed before is erased if one fails
        const value = await store.get(key)
        const record = value && unsealRecord(session, { key, value })
        if (record !== undefined) records.push({ ...record, facts: withoutAttempt(record) })
        if (value === undefined || record?.facts.deleted !== undefined) throw new Fault('not-found', `The vault does not hold ${name}, or it was deleted`)
        if (record === undefined) throw new Fault('backend-failed', `The record of ${name} is damaged`)
      }
      return records
    } catch (error) {
      for (const { secrets } of records) eraseSecrets(secrets)
      throw error
    }
  })
}

/** Attempts are those of who generated it. */
function withoutAttempt({ facts: { attempt: _, ...facts } }: IdentityRecord): IdentityRecord['facts'] {
  return facts
}

/** Stores these identities, all of them or none. `purged`: also those that were purged here. */
export function store(ledger: Ledger, records: readonly IdentityRecord[], now: number, purged: boolean, claim: (name: string) => Uint8Array): Promise<readonly Imported[]> {
  return ledger.change(async (rows, session) => {
    const changes: Change[] = []
    const outcomes: { readonly externalIdentity: ExternalIdentity; readonly outcome: ImportOutcome }[] = []
    for (const record of records) {
      const { facts } = record
      // oxlint-disable-next-line no-await-in-loop -- one after the other costs nothing here
      const found = await stateOf(rows, session, facts.name, now)
      const outcome = found === 'absent' || (found === 'purged' && purged) ? 'imported' : found
      if (outcome === 'imported') changes.push(sealRecord(session, record), { key: purgedKey(facts.name), value: undefined })
      outcomes.push({ externalIdentity: identityOf(facts), outcome })
    }
    const done = () => outcomes.map((one): Imported => {
      if (one.outcome === 'deleted' || one.outcome === 'purged') return one
      return { externalIdentity: one.externalIdentity, outcome: one.outcome, claim: claim(one.externalIdentity.name) }
    })
    return { changes, done }
  })
}

async function stateOf(rows: Pick<Batch, 'get'>, session: Session, name: string, now: number): Promise<'absent' | Exclude<ImportOutcome, 'imported'>> {
  if (await rows.get(purgedKey(name)) !== undefined) return 'purged'
  const key = identityKey(name)
  const value = await rows.get(key)
  const facts = value && unsealFacts(session, { key, value })
  // One that is damaged is as good as absent.
  if (facts === undefined) return 'absent'
  if (facts.deleted === undefined) return 'present'
  return isOver(facts, now) ? 'purged' : 'deleted'
}
