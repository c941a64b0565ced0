import { utf8ToBytes } from '@noble/hashes/utils.js'
import { lmdbStore } from '../../src/lmdb.ts'
import type { Store } from '../../src/stores/store.ts'

// What tests do in a process of its own: `open`, `write`, `write large` or `compact`, the folder of the store, and the number of a user to do it as. Each line it says is a step that is done.

const [, , what = '', path = '', user] = process.argv
// Of another user, once all is loaded: that one may not be let into the project's folder.
if (user !== undefined) process.setuid?.(Number(user))
const say = (text: string) => process.stdout.write(`${text}\n`)

let opened: Store | undefined
try {
  const store = opened = await lmdbStore({ path })
  say('open')
  if (what === 'open') process.stdin.resume()
  if (what === 'compact') for (;;) say(await store.compact?.() ?? 'compacted')
  // Batch n holds a row of its number and counts them all; several are on their way at a time.
  const size = what === 'write large' ? 20_000 : 100
  const decoder = new TextDecoder()
  let n = Number(decoder.decode(await store.get(utf8ToBytes('count'))))
  const lane = async () => {
    for (;;) {
      const mine = ++n
      const value = utf8ToBytes(String(mine).padEnd(size))
      await store.write([{ key: utf8ToBytes('count'), value }, { key: utf8ToBytes(`row ${mine}`), value }, { key: utf8ToBytes(`gone ${mine - 5}`), value: undefined }, { key: utf8ToBytes(`gone ${mine}`), value }])
      say(String(mine))
    }
  }
  if (what.startsWith('write')) await Promise.all(Array.from({ length: 8 }, lane))
} catch (error) {
  const { code, cause } = error instanceof Error ? { code: undefined, ...error, cause: error.cause } : {}
  say(`${String(code)} ${cause instanceof Error ? cause.message : ''}`)
  // Whatever comes after a failure fails as it did; closing does not.
  const later = [opened?.get(utf8ToBytes('count')), opened?.write([]), opened?.compact?.()]
  for (const each of await Promise.allSettled(later)) say(each.status === 'rejected' && each.reason === error ? 'the same' : 'another')
  await opened?.close()
  say('closed')
  process.exit(1)
}
