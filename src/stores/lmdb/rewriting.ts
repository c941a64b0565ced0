import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { scheduler } from 'node:timers/promises'
import { textOfKey } from '../arguments.ts'
import type { Row } from '../store.ts'
import { damagedRow } from './damage.ts'
import { DATA_FILE, openEnvironment } from './environment.ts'
import type { Environment, Item } from './environment.ts'
import { AFTER_ROWS, FIRST_ROW, headerItem, isSound, keyAfter, keyOfItem, minus, NO_ROWS, plus, rowItem, valueOfItem } from './format.ts'
import type { Tally } from './format.ts'

/** A folder beside the LMDB file, where the next one is made. What is there when a store is opened was not finished. */
const NEXT = 'next'

/** How many rows are read or written before the event loop gets its turn: about a millisecond's worth. */
export const PAGE = 250

/** All rows of an LMDB file. Throws `store-damaged` for one that is not as it was written. */
export async function* storedRows(environment: Environment): AsyncGenerator<Row> {
  let from = FIRST_ROW
  for (;;) {
    const items = environment.page(from, AFTER_ROWS, PAGE)
    for (const item of items) {
      if (!isSound(item)) throw damagedRow(keyOfItem(item))
      yield { key: keyOfItem(item), value: valueOfItem(item) }
    }
    const last = items.at(-1)
    if (last === undefined || items.length < PAGE) return
    from = keyAfter(last.key)
    // oxlint-disable-next-line no-await-in-loop -- others get their turn
    await scheduler.yield()
  }
}

/**
 * Writes these rows into an LMDB file of their own, where {@link replaceData} finds it. Of rows of the same key, the last counts. It is a new file and no
 * copy by LMDB, whose pages keep what was removed from them.
 */
export async function writeNext(folder: string, { version, id }: { readonly version: number; readonly id: Uint8Array }, rows: AsyncIterable<Row> | Iterable<Row>): Promise<Tally> {
  await removeNext(folder)
  const environment = await openEnvironment(join(folder, NEXT), { readOnly: false })
  try {
    let tally = NO_ROWS
    let items = new Map<string, Item>()
    const flush = async (isLast: boolean) => {
      for (const { key, bytes } of items.values()) {
        const before = environment.peek(key)
        if (before !== undefined) tally = minus(tally, before)
        tally = plus(tally, bytes)
      }
      await environment.commit(isLast ? [...items.values(), headerItem({ version, id, tally })] : items.values())
      items = new Map()
    }
    for await (const { key, value } of rows) {
      items.set(textOfKey(key), rowItem(key, value))
      if (items.size === 4 * PAGE) await flush(false)
    }
    await flush(true)
    return tally
  } finally {
    await environment.close()
  }
}

/** Puts the file that {@link writeNext} made in the place of the one that is there, which must be closed: at once, for good. */
export async function replaceData(folder: string): Promise<void> {
  await rename(join(folder, NEXT, DATA_FILE), join(folder, DATA_FILE))
  await syncFolder(folder)
  await removeNext(folder)
}

export async function removeNext(folder: string): Promise<void> {
  await rm(join(folder, NEXT), { recursive: true, force: true })
}

/** Makes the names in a folder outlast a crash of the machine. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
