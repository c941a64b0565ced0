import type { Row } from '../store.ts'

/** What becomes of each row when the format goes to its next version; `undefined` for a row that goes. */
export type Migration = (row: Row) => Row | undefined

/** From version 1 to 2, from 2 to 3, and so on: a store has the version that follows the last one. */
export const migrations: readonly Migration[] = Object.freeze([])

/** The rows of a store of that version, as the newest one has them. */
export async function* migrated(rows: AsyncIterable<Row>, version: number, all: readonly Migration[]): AsyncGenerator<Row> {
  const steps = all.slice(version - 1)
  for await (const row of rows) {
    const found = steps.reduce<Row | undefined>((now, step) => now && step(now), row)
    if (found !== undefined) yield found
  }
}
