import type { EngineID } from '../core/engine-id.ts'
import type { EngineInstance } from './instance.ts'

/** That an engine of this node watches one of another. */
export interface Watch {
  readonly watcher: EngineInstance
  readonly engine: EngineID
  /** Whether the other node was told of it. */
  isSent: boolean
}

/** What engines of this node watch on one other node. */
export class Watches {
  readonly #byWatcher = new Map<string, Map<string, Watch>>()

  /** Answers the watch, unless that engine watches that one already. */
  add(watcher: EngineInstance, engine: EngineID): Watch | undefined {
    let own = this.#byWatcher.get(watcher.id.name)
    if (own === undefined) this.#byWatcher.set(watcher.id.name, own = new Map())
    if (own.has(engine.name)) return undefined
    const watch = { watcher, engine, isSent: false }
    own.set(engine.name, watch)
    return watch
  }

  has(watch: Watch): boolean {
    return this.#byWatcher.get(watch.watcher.id.name)?.get(watch.engine.name) === watch
  }

  /** Ends a watch, and answers it. */
  end(watcher: string, engine: string): Watch | undefined {
    const own = this.#byWatcher.get(watcher)
    const watch = own?.get(engine)
    own?.delete(engine)
    if (own?.size === 0) this.#byWatcher.delete(watcher)
    return watch
  }

  /** Ends those of that watcher. Answers whether the other node knows of any. */
  forget(watcher: EngineInstance): boolean {
    const own = this.#byWatcher.get(watcher.id.name)
    this.#byWatcher.delete(watcher.id.name)
    return own !== undefined && [...own.values()].some(({ isSent }) => isSent)
  }

  /** All, those that the other node was not told of among them. A copy. */
  all(): readonly Watch[] {
    return Array.from(this.#byWatcher.values(), own => Array.from(own.values())).flat()
  }
}

/** Which engines of this node are watched from one other node, and by whom there. */
export class Watched {
  readonly #byEngine = new Map<EngineInstance, Set<string>>()
  readonly #byWatcher = new Map<string, Set<EngineInstance>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  add(watcher: string, engine: EngineInstance): void {
    if (entryOf(this.#byEngine, engine).has(watcher)) return
    entryOf(this.#byEngine, engine).add(watcher)
    entryOf(this.#byWatcher, watcher).add(engine)
    this.#size++
  }

  /** Ends the watches of that engine, and answers the names of who watched it. */
  ended(engine: EngineInstance): readonly string[] {
    const watchers = [...this.#byEngine.get(engine) ?? []]
    for (const watcher of watchers) this.#remove(watcher, engine)
    return watchers
  }

  /** Ends the watches by that watcher. */
  forget(watcher: string): void {
    for (const engine of this.#byWatcher.get(watcher) ?? []) this.#remove(watcher, engine)
  }

  clear(): void {
    this.#byEngine.clear()
    this.#byWatcher.clear()
    this.#size = 0
  }

  #remove(watcher: string, engine: EngineInstance): void {
    const watchers = this.#byEngine.get(engine)
    if (watchers?.delete(watcher)) this.#size--
    if (watchers?.size === 0) this.#byEngine.delete(engine)
    const engines = this.#byWatcher.get(watcher)
    engines?.delete(engine)
    if (engines?.size === 0) this.#byWatcher.delete(watcher)
  }
}

function entryOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  let entry = map.get(key)
  if (entry === undefined) map.set(key, entry = new Set())
  return entry
}
