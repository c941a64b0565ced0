import { open } from 'node:fs/promises'
import { endianness } from 'node:os'
import { join } from 'node:path'
import { argv, stdout } from 'node:process'
import { Fault } from '../../core/errors.ts'
import { describeKey } from './damage.ts'
import { DATA_FILE, openEnvironment } from './environment.ts'
import type { Environment } from './environment.ts'
import { AFTER_ROWS, FIRST_ROW, HEADER_KEY, isSound, keyAfter, keyOfItem, NO_ROWS, plus, readHeader } from './format.ts'
import type { Header } from './format.ts'

// The program of a child process: LMDB maps its file into memory, so that damaged pages may end the process that reads them. Its argument is a folder; its
// output is a line of JSON, the `Report` of inspection.ts; or what reading ended with.

const PAGE = 1000
/** How many of the damaged rows are named. */
const NAMED = 20

// A page that says which state counts, in LMDB's data version 2: MDB_meta of mdb.c, after the header of the page.
const MAGIC = 0xbeefc0de
const MAGIC_AT = 24
const PAGE_SIZE_AT = 48
const ROOT_AT = 136
/** Before the first transaction there is no root. */
const NO_PAGE = -1n
const TRANSACTION_AT = 152
const META_SIZE = 168
/** In any page, of the transaction that wrote it. */
const PAGE_TRANSACTION_AT = 8

const [, , folder = ''] = argv
try {
  const damage = await metasAreSound() ? [] : ['the pages that say which state counts']
  const environment = await openEnvironment(folder, { readOnly: true })
  const header = readHeader(environment.get(HEADER_KEY))
  if (header?.isSound) damage.push(...damagedRows(environment, header))
  stdout.write(JSON.stringify({ header: header && { version: header.version, isSound: header.isSound }, damage }))
  await environment.close()
} catch (error) {
  stdout.write(JSON.stringify({ unreadable: error instanceof Error ? error.message : String(error) }))
}

/** Reads every row, both in order and by its key: pages that lead astray can lose some to one way and not to the other. */
function damagedRows(environment: Environment, { tally }: Header): readonly string[] {
  const damaged: string[] = []
  const other: string[] = []
  let found = NO_ROWS
  let last: Uint8Array | undefined
  read: for (let from = FIRST_ROW; ;) {
    const items = environment.page(from, AFTER_ROWS, PAGE)
    for (const item of items) {
      if (last !== undefined && !isBefore(last, item.key)) {
        other.push(`the rows after ${describeKey(last.slice(1))} are not in order`)
        break read
      }
      last = item.key
      found = plus(found, item.bytes)
      if (!isSound(item) || environment.peek(item.key) === undefined) damaged.push(describeKey(keyOfItem(item)))
    }
    if (items.length < PAGE || last === undefined) break
    from = keyAfter(last)
  }
  if (damaged.length > 0) other.push(`${damaged.length} damaged rows: ${damaged.slice(0, NAMED).join(', ')}${damaged.length > NAMED ? ' and others' : ''}`)
  if (found.rows !== tally.rows) other.push(`${found.rows} rows, where ${tally.rows} were written`)
  else if (found.digest !== tally.digest) other.push('outdated rows')
  return other
}

/**
 * Whether the file is LMDB's at all, and the two pages are right that say which state counts. LMDB believes the one with the higher number of a transaction: were
 * that damaged, the state before would come back without a word. Every transaction here writes the header, and so the root page, which has that number too.
 */
async function metasAreSound(): Promise<boolean> {
  const file = await open(join(folder, DATA_FILE))
  try {
    const isLittle = endianness() === 'LE'
    const view = async (position: bigint) => new DataView((await file.read({ buffer: new Uint8Array(META_SIZE), position })).buffer.buffer)
    const first = await view(0n)
    if (first.getUint32(MAGIC_AT, isLittle) !== MAGIC) throw new Fault('store-foreign', 'no file of LMDB')
    const pageSize = BigInt(first.getUint32(PAGE_SIZE_AT, isLittle))
    const isSound = async (meta: DataView) => {
      const root = meta.getBigInt64(ROOT_AT, isLittle)
      if (root < 0n) return root === NO_PAGE
      const page = await view(BigInt.asUintN(62, root * pageSize))
      return page.getBigUint64(PAGE_TRANSACTION_AT, isLittle) === meta.getBigUint64(TRANSACTION_AT, isLittle)
    }
    return await isSound(first) && await isSound(await view(pageSize))
  } finally {
    await file.close()
  }
}

function isBefore(a: Uint8Array, b: Uint8Array): boolean {
  const at = a.findIndex((byte, i) => byte !== b[i])
  return at < 0 ? a.length < b.length : at >= b.length ? false : Number(a[at]) < Number(b[at])
}
