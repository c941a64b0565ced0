import { memoryStore } from '../../src/index.ts'
import type { Change, Row, Store } from '../../src/index.ts'

/** A store that acknowledges a batch when `now` of it is written: the rest comes with the next one, or never. */
export async function behind(store: Store, now: (changes: readonly Change[]) => number): Promise<Store> {
  const front = memoryStore()
  const rows: Row[] = []
  for await (const row of store.range({ from: new Uint8Array([0]), to: new Uint8Array([255]) })) rows.push(row)
  await front.write(rows)
  let rest: readonly Change[] = []
  return {
    capabilities: { persistent: true, compacts: false },
    get: key => front.get(key),
    range: range => front.range(range),
    async write(changes) {
      const written = [...rest, ...changes.slice(0, now(changes))]
      rest = changes.slice(now(changes))
      await Promise.all([front.write(changes), store.write(written)])
    },
    close: () => store.close(),
  }
}
