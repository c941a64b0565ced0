/**
 * A persistent map from strings: `set` and `delete` answer a new table in O(log n) that shares all but the path they
 * changed, so that an environment may keep thousands of entries and a step still costs what it changed. Iteration is in
 * order of the keys (by UTF-16 code unit). Updating an entry with the value it has answers the same table.
 *
 * A weight-balanced tree; the parameters 3 and 2 are those proved correct by Hirai and Yamamoto,
 * "Balancing weight-balanced trees", JFP 21(3), 2011.
 */
export class Table<out V> implements Iterable<readonly [string, V]> {
  readonly #root: Entry<V> | undefined

  private constructor(root: Entry<V> | undefined) {
    this.#root = root
  }

  /** The table without entries: always the same one. */
  static empty<V>(): Table<V> {
    return EMPTY
  }

  /** A table of these entries; the last one of a key counts. */
  static from<V>(entries: Iterable<readonly [string, V]>): Table<V> {
    const list = Array.from(entries)
    // What comes in order, such as what a store holds of a table, needs no searching.
    if (isAscending(list)) return new Table(treeOf(list, 0, list.length))
    let root: Entry<V> | undefined
    for (const [key, value] of list) root = insert(root, key, value)
    return new Table(root)
  }

  /** How many entries there are. O(1). */
  get size(): number {
    return weight(this.#root)
  }

  /** The value of that key, in O(log n). */
  get(key: string): V | undefined {
    return find(this.#root, key)?.value
  }

  /** Whether that key has an entry, even one whose value is `undefined`. */
  has(key: string): boolean {
    return find(this.#root, key) !== undefined
  }

  /** The first entry whose key is that one or comes after it, in O(log n). */
  atOrAfter(key: string): readonly [string, V] | undefined {
    let found: Entry<V> | undefined
    for (let entry = this.#root; entry !== undefined; entry = key <= entry.key ? entry.left : entry.right) {
      if (key <= entry.key) found = entry
    }
    return found && [found.key, found.value]
  }

  /** A table where that key has this value; this very one when it has it already (`Object.is`). */
  set(key: string, value: V): Table<V> {
    const root = insert(this.#root, key, value)
    return root === this.#root ? this : new Table(root)
  }

  /** A table without that key; this very one when there is no such entry. */
  delete(key: string): Table<V> {
    const root = remove(this.#root, key)
    return root === this.#root ? this : new Table(root)
  }

  *[Symbol.iterator](): Generator<readonly [string, V]> {
    yield* entries(this.#root)
  }

  /**
   * Calls `see` for each entry that `before` does not hold with the same value. Parts that both tables share are skipped
   * whole, so this costs about what changed between them.
   */
  eachNew(before: Table<unknown> | undefined, see: (key: string, value: V) => void): void {
    if (before === undefined) for (const [key, value] of this) see(key, value)
    else eachNew(this.#root, before.#root, see)
  }

  /** A plain object, for `JSON.stringify`. */
  toJSON(): Record<string, V> {
    return Object.fromEntries(this)
  }
}

interface Entry<out V> {
  readonly key: string
  readonly value: V
  readonly weight: number
  readonly left: Entry<V> | undefined
  readonly right: Entry<V> | undefined
}

const EMPTY: Table<never> = Table.from([])

function weight(entry: Entry<unknown> | undefined): number {
  return entry === undefined ? 0 : entry.weight
}

function node<V>(key: string, value: V, left: Entry<V> | undefined, right: Entry<V> | undefined): Entry<V> {
  return { key, value, weight: weight(left) + weight(right) + 1, left, right }
}

function find<V>(entry: Entry<V> | undefined, key: string): Entry<V> | undefined {
  while (entry !== undefined && entry.key !== key) entry = key < entry.key ? entry.left : entry.right
  return entry
}

function insert<V>(entry: Entry<V> | undefined, key: string, value: V): Entry<V> {
  if (entry === undefined) return node(key, value, undefined, undefined)
  if (key === entry.key) return Object.is(value, entry.value) ? entry : node(key, value, entry.left, entry.right)
  if (key < entry.key) {
    const left = insert(entry.left, key, value)
    return left === entry.left ? entry : balanced(entry.key, entry.value, left, entry.right)
  }
  const right = insert(entry.right, key, value)
  return right === entry.right ? entry : balanced(entry.key, entry.value, entry.left, right)
}

function remove<V>(entry: Entry<V> | undefined, key: string): Entry<V> | undefined {
  if (entry === undefined) return undefined
  if (key < entry.key) {
    const left = remove(entry.left, key)
    return left === entry.left ? entry : balanced(entry.key, entry.value, left, entry.right)
  }
  if (key > entry.key) {
    const right = remove(entry.right, key)
    return right === entry.right ? entry : balanced(entry.key, entry.value, entry.left, right)
  }
  if (entry.left === undefined) return entry.right
  if (entry.right === undefined) return entry.left
  const next = first(entry.right)
  return balanced(next.key, next.value, entry.left, remove(entry.right, next.key))
}

function first<V>(entry: Entry<V>): Entry<V> {
  while (entry.left !== undefined) entry = entry.left
  return entry
}

/** A node over two subtrees of which at most one has changed by one entry. */
function balanced<V>(key: string, value: V, left: Entry<V> | undefined, right: Entry<V> | undefined): Entry<V> {
  if (right !== undefined && isHeavy(right, left)) {
    const { left: inner, right: outer } = right
    return inner !== undefined && weight(inner) + 1 >= 2 * (weight(outer) + 1)
      ? node(inner.key, inner.value, node(key, value, left, inner.left), node(right.key, right.value, inner.right, outer))
      : node(right.key, right.value, node(key, value, left, inner), outer)
  }
  if (left !== undefined && isHeavy(left, right)) {
    const { left: outer, right: inner } = left
    return inner !== undefined && weight(inner) + 1 >= 2 * (weight(outer) + 1)
      ? node(inner.key, inner.value, node(left.key, left.value, outer, inner.left), node(key, value, inner.right, right))
      : node(left.key, left.value, outer, node(key, value, inner, right))
  }
  return node(key, value, left, right)
}

function isAscending(list: readonly (readonly [string, unknown])[]): boolean {
  let last: string | undefined
  for (const [key] of list) {
    if (last !== undefined && last >= key) return false
    last = key
  }
  return true
}

/** Of entries in the order of their keys, from `start` to before `end`: each half as heavy as the other. */
function treeOf<V>(list: readonly (readonly [string, V])[], start: number, end: number): Entry<V> | undefined {
  const middle = (start + end) >> 1
  const entry = middle < end ? list[middle] : undefined
  return entry && node(entry[0], entry[1], treeOf(list, start, middle), treeOf(list, middle + 1, end))
}

function isHeavy(a: Entry<unknown>, b: Entry<unknown> | undefined): boolean {
  return a.weight + 1 > 3 * (weight(b) + 1)
}

function* entries<V>(entry: Entry<V> | undefined): Generator<readonly [string, V]> {
  if (entry === undefined) return
  yield* entries(entry.left)
  yield [entry.key, entry.value]
  yield* entries(entry.right)
}

/** A node of `entry` that `before` holds too is the same subtree whole, whatever was rebalanced around it. */
function eachNew<V>(entry: Entry<V> | undefined, before: Entry<unknown> | undefined, see: (key: string, value: V) => void): void {
  if (entry === undefined) return
  const old = find(before, entry.key)
  if (old === entry) return
  eachNew(entry.left, before, see)
  if (old === undefined || !Object.is(old.value, entry.value)) see(entry.key, entry.value)
  eachNew(entry.right, before, see)
}
