import { bytesToHex } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'
import { sameBytes } from '../../crypto/bytes.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import type { Store } from '../../stores/store.ts'
import type { AnchorLine } from './anchor.ts'
import { rolledBack } from './anchor.ts'
import { count, inspect, rowsOf } from './inspection.ts'
import type { Damage } from './inspection.ts'
import { Ledger, NOTHING } from './ledger.ts'
import type { Books } from './ledger.ts'
import { hashOf, NONE, sameTally, sealManifest, unsealManifest } from './manifest.ts'
import type { Keyslots, RootKeys } from './root-keys.ts'
import { ALL, MANIFEST } from './rows.ts'
import { eraseKeys, generationOf, Session } from './session.ts'

/** What a vault is opened with, once its keyslots are. */
export interface Opening {
  readonly store: Store
  readonly keyslots: Keyslots
  readonly keys: RootKeys
  readonly anchor: AnchorLine
  readonly random: RandomBytes
  readonly acceptRollback?: boolean | undefined
  readonly acceptDamage?: boolean | undefined
}

/** A vault that was looked through. */
export interface Entered {
  readonly ledger: Ledger
  readonly damage: readonly Damage[]
}

const BEFORE_ALL = new Uint8Array(32)

/** Whether the store has rows of a vault. */
export async function hasRows(store: Store): Promise<boolean> {
  for await (const _ of store.range(ALL)) return true
  return false
}

/**
 * Looks through all rows. Takes the keys over. Rejects with `vault-damaged`, `vault-rolled-back`, `store-failed`, `backend-failed` (the anchor): then
 * nothing was changed.
 */
export async function enter(opening: Opening): Promise<Entered> {
  const { store, keys, keyslots, anchor } = opening
  let session: Session | undefined
  try {
    const stored = await store.get(MANIFEST)
    session = await sessionOf(opening, stored)
    const sealed = stored ?? (keys.isInitialised || await hasRows(store) ? NOTHING : await first(opening, session))
    const { books, damage } = await examine(opening, session, sealed)
    if (!await anchor.permits(books.hash, books.manifest.previous) && opening.acceptRollback !== true) throw rolledBack()
    await anchor.advance(books.hash)
    await settle(keyslots, session)
    return { ledger: new Ledger(store, anchor, books, session), damage }
  } catch (error) {
    session?.erase()
    eraseKeys(keys)
    throw error
  }
}

/** That of the root key which the manifest is sealed with. Where it is damaged, most rows tell: the keyslots are to keep the key that opens those. */
async function sessionOf({ store, keys, random }: Pick<Opening, 'store' | 'keys' | 'random'>, sealed: Uint8Array | undefined): Promise<Session> {
  const rows = new Map(Array.from(keys.keys.keys(), generation => [generation, 0]))
  const tell = (value: Uint8Array) => {
    const generation = generationOf(value) ?? 0
    const count = rows.get(generation)
    if (count !== undefined) rows.set(generation, count + 1)
  }
  if (sealed !== undefined) tell(sealed)
  const told = new Session(keys, mostOf(rows), random)
  if (rows.size === 1 || (sealed !== undefined && unsealManifest(told, sealed) !== undefined)) return told
  told.retire()
  for await (const { value } of rowsOf(store)) tell(value)
  return new Session(keys, mostOf(rows), random)
}

/** Of several, the newest. */
function mostOf(rows: ReadonlyMap<number, number>): number {
  const most = Math.max(...rows.values())
  return Math.max(...Array.from(rows).filter(([, count]) => count === most).map(([generation]) => generation))
}

/** The manifest of a vault without identities. */
async function first({ store, anchor, acceptRollback }: Opening, session: Session): Promise<Uint8Array> {
  const said = await anchor.read()
  if (said !== undefined && acceptRollback !== true) throw rolledBack()
  const row = sealManifest(session, { ...NONE, epoch: 0, previous: said ?? BEFORE_ALL })
  await store.write([row])
  return row.value
}

async function examine({ store, acceptDamage }: Opening, session: Session, sealed: Uint8Array): Promise<{ readonly books: Books; readonly damage: readonly Damage[] }> {
  const manifest = unsealManifest(session, sealed)
  const hash = hashOf(sealed)
  if (manifest !== undefined) {
    if (sameTally(await count(store, session, new Set()), manifest)) return { books: { manifest, hash, damaged: new Set() }, damage: [] }
  }
  const { whole, damaged, damage } = await inspect(store, session, manifest ?? describeManifest(session, sealed))
  if (acceptDamage !== true) throw damagedFault(damage)
  const known = { ...manifest ?? { epoch: 0, previous: BEFORE_ALL }, ...whole }
  return { books: { manifest: known, hash, damaged: new Set(damaged.map(bytesToHex)) }, damage }
}

function describeManifest(session: Session, sealed: Uint8Array): Damage {
  const generation = generationOf(sealed)
  if (generation === undefined || session.keys.keys.has(generation)) return { record: 'manifest', problem: 'it is missing or was changed, so that nothing tells which records there should be' }
  return { record: 'manifest', problem: `it is sealed with a root key that the keyslots do not hold (generation ${generation}): one of the two is of another time` }
}

const NAMED = 8

function damagedFault(damage: readonly Damage[]): Fault {
  const named = damage.slice(0, NAMED).map(({ record, problem }) => `${record}: ${problem}`).join('; ')
  const more = damage.length > NAMED ? `; and ${damage.length - NAMED} more` : ''
  return new Fault('vault-damaged', `The vault is not what was stored. ${named}${more}. Restore a copy, or open the rest with acceptDamage`)
}

/** Session for a vault that was locked. Takes the keys over. Rejects with `vault-damaged`. */
export async function reenter(ledger: Ledger, keyslots: Keyslots, keys: RootKeys, random: RandomBytes): Promise<Session> {
  let session: Session | undefined
  try {
    const sealed = await ledger.store.get(MANIFEST) ?? NOTHING
    const { books: { hash, manifest, damaged }, store } = ledger
    if (!sameBytes(hashOf(sealed), hash)) throw damagedFault([{ record: 'manifest', problem: 'it was changed while the vault was locked' }])
    session = await sessionOf({ store, keys, random }, sealed)
    if (!sameTally(await count(store, session, damaged), manifest)) throw damagedFault([{ record: 'the whole', problem: 'records were changed while the vault was open or locked' }])
    await settle(keyslots, session)
    return session
  } catch (error) {
    session?.erase()
    eraseKeys(keys)
    throw error
  }
}

/** Has the keyslots hold the root key that the manifest is sealed with, and no other: so a rotation that was cut short is finished, or undone. */
export async function settle(keyslots: Keyslots, session: Session): Promise<void> {
  if (session.keys.isInitialised && session.keys.keys.size === 1) return
  const only = session.keysWith([])
  await keyslots.replaceKeys(session.keys, only)
  session.hold(only)
}
