import { promises } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { Store } from '../src/stores/store.ts'
import type { KeyslotFile } from '../src/backends/vault/keyslot-file.ts'
import type { Journal } from './journal.ts'

/** Milliseconds that a write under way may get. */
const UNDER_WAY = 3

/** Counts what changes something outside of the process, and kills it there. */
export class KillPoints {
  readonly #journal: Journal
  readonly #chance: () => number
  /** How many points are still passed; not counted while `undefined`. */
  #left: number | undefined
  #passed = 0

  /** `chance` answers a number from 0 to 1. */
  constructor(journal: Journal, chance: () => number) {
    this.#journal = journal
    this.#chance = chance
  }

  /** From here on points are counted, and the one with that number, from 1 on, is the last. */
  arm(at: number): void {
    this.#journal.write({ entry: 'armed' })
    this.#left = at
  }

  pass(point: string): void {
    if (this.#isLast()) this.kill(point)
  }

  /** Kills the process at once. */
  kill(point: string): void {
    this.#journal.write({ entry: 'killed', point, passed: this.#passed })
    process.kill(process.pid, 'SIGKILL')
    // The signal is on its way to this thread: nothing more of ours happens until it is there.
    for (;;) { /* empty */ }
  }

  /** Around a promise of something that changes: before it is made, once it is, somewhen while it is under way, and when it has resolved. */
  async around<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.pass(`${what}: before`)
    const promise = work()
    this.pass(`${what}: handed on`)
    const isLast = this.#isLast()
    if (isLast) setTimeout(() => this.kill(`${what}: under way`), this.#chance() * UNDER_WAY)
    const result = await promise
    if (isLast) this.kill(`${what}: under way`)
    this.pass(`${what}: resolved`)
    return result
  }

  store(store: Store): Store {
    const compact = store.compact?.bind(store)
    return {
      capabilities: store.capabilities,
      get: key => store.get(key),
      range: range => store.range(range),
      write: changes => this.around('store.write', () => store.write(changes)),
      ...compact && { compact: () => this.around('store.compact', compact) },
      close: () => store.close(),
    }
  }

  keyslots(file: KeyslotFile): KeyslotFile {
    return { read: () => file.read(), replace: bytes => this.around('keyslots.replace', () => file.replace(bytes)) }
  }

  /** What the library does with files: its modules have the functions of `node:fs/promises` from here on with points around them. */
  watchFiles(): void {
    const { rename, rm, open } = promises
    promises.rename = (from, to) => this.around('rename', () => rename(from, to))
    promises.rm = (path, options) => this.around('rm', () => rm(path, options))
    promises.open = async (path, flags, mode) => {
      const handle = await open(path, flags, mode)
      const { sync, writeFile } = handle
      handle.sync = () => this.around('sync', () => sync.call(handle))
      handle.writeFile = (data, options) => this.around('writeFile', () => writeFile.call(handle, data, options))
      return handle
    }
    syncBuiltinESMExports()
  }

  #isLast(): boolean {
    if (this.#left === undefined || this.#left === 0) return false
    if (--this.#left === 0) return true
    this.#passed++
    return false
  }
}
