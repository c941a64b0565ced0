import { isAddress } from './engine-id.ts'
import { Fault } from './errors.ts'
import { Table } from './table.ts'

/**
 * Data is what can be encoded: null, booleans, numbers, bigints of 64 bits and a sign, strings, bytes, arrays, plain objects, tables, and EngineIDs.
 * No functions, promises, dates, or instances of other classes; nothing nested deeper than {@link DEPTH}, so no cycles.
 */
export const DEPTH = 64

/** CBOR's own integers end here. */
const BIGINT_LIMIT = 2n ** 64n

/** Throws `not-encodable`, naming the place, unless `value` is data. */
export function assertData(value: unknown, what: string): void {
  if (!isPrimitive(value) && !isData(value, undefined, 0)) throw strayFault(what, value)
}

/** As {@link assertData}, looking only at what differs by reference from `before`, which is known to be data. */
export function assertChangedData(value: unknown, before: unknown, what: string): void {
  if (value !== before && !isPrimitive(value) && !isData(value, before, 0)) throw strayFault(what, value)
}

/** A deep copy that shares nothing mutable with the original. Throws `not-encodable` unless `value` is data. */
export function copyData<T>(value: T, what: string): T
export function copyData(value: unknown, what: string): unknown {
  if (isPrimitive(value)) return value
  const copied = copy(value, 0)
  if (copied !== STRAY) return copied
  throw strayFault(what, value)
}

/** Freezes data all the way down, but for bytes, which JavaScript cannot freeze. */
export function freezeData(value: unknown): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || frozen.has(value)) return
  Object.freeze(value)
  if (value instanceof Table) {
    frozen.add(value)
    for (const [, entry] of value) freezeData(entry)
    return
  }
  let isNoted = false
  for (const field of Object.values(value)) {
    if (typeof field !== 'object' || field === null) continue
    // Before what it holds, which may lead back here; and not for the many that hold nothing to freeze.
    if (!isNoted) frozen.add(value)
    isNoted = true
    freezeData(field)
  }
}

/** What is frozen to its ends, of what holds other objects. That an object is frozen itself says nothing of those. */
const frozen = new WeakSet<object>()

function isPrimitive(value: unknown): boolean {
  // A switch over typeof would take a text to compare, and several times as long.
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null
    || (typeof value === 'bigint' && value >= -BIGINT_LIMIT && value < BIGINT_LIMIT)
}

function strayFault(what: string, value: unknown): Fault {
  return new Fault('not-encodable', `${what}${strayIn(value, '', 0) ?? ''} can't be encoded: only plain data, bytes, tables and EngineIDs can`)
}

/** Whether all of `value` is data, given that `before` is: what they share is not looked at. */
function isData(value: unknown, before: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth > DEPTH) return false
  // First, since most are.
  if (isPlain(value)) {
    for (const key in value) {
      const field = value[key]
      // A copy would take it for the prototype.
      if (key === '__proto__') return false
      if (isPrimitive(field)) continue
      const old = fieldOf(before, key)
      if (old !== field && !isData(field, old, depth + 1)) return false
    }
    return true
  }
  if (isAddress(value)) return true
  if (Array.isArray(value)) {
    for (const item of value) if (!isPrimitive(item) && !isData(item, undefined, depth + 1)) return false
    return true
  }
  if (value instanceof Uint8Array) return !isDetached(value)
  if (value instanceof Table) {
    let isAll = true
    value.eachNew(before instanceof Table ? before : undefined, (_key, entry) => {
      isAll &&= isPrimitive(entry) || isData(entry, undefined, depth + 1)
    })
    return isAll
  }
  return false
}

/** Where in `value` the first thing is that is no data, as a path: for the text of an error, when that there is one is known. */
function strayIn(value: unknown, path: string, depth: number): string | undefined {
  if (isPrimitive(value)) return undefined
  if (typeof value === 'object' && value !== null && depth <= DEPTH) {
    for (const [place, part] of partsOf(value)) {
      const stray = place === '.__proto__' ? '' : strayIn(part, '', depth + 1)
      if (stray !== undefined) return `${path}${place}${stray}`
    }
  }
  return isData(value, undefined, depth) ? undefined : path
}

/** What `value` is made of, and where. */
function partsOf(value: object): readonly (readonly [place: string, part: unknown])[] {
  if (value instanceof Table) return Array.from(value, ([key, entry]) => [`[${JSON.stringify(key)}]`, entry])
  if (Array.isArray(value)) return Array.from(value, (item: unknown, i) => [`[${i}]`, item])
  return isPlain(value) ? Object.entries(value).map(([key, field]) => [`.${key}`, field]) : []
}

/** Whether the bytes were transferred elsewhere: there is nothing left to read. */
function isDetached(bytes: Uint8Array): boolean {
  // Only empty ones are asked for their buffer: for small arrays, asking makes one.
  return bytes.length === 0 && 'detached' in bytes.buffer && bytes.buffer.detached
}

interface Fields { readonly [field: string]: unknown }

/** What a plain object has of its own under that name. */
function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && isPlain(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** Whether this is a plain object: its fields are all there is to it, so that it can be copied or merged. */
export function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && isPlain(value)
}

function isPlain(value: object): value is Fields {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Stands for what can't be copied. Where it is, is looked for only then. */
const STRAY = Symbol('stray')

function copy(value: unknown, depth: number): unknown {
  if (isPrimitive(value)) return value
  if (typeof value !== 'object' || value === null || depth > DEPTH) return STRAY
  // First, since most are.
  if (isPlain(value)) {
    let fields: Record<string, unknown> | undefined
    for (const key in value) {
      const field = value[key]
      // A field without a value is as good as absent.
      if (field === undefined) continue
      const copied = isPrimitive(field) ? field : copy(field, depth + 1)
      if (copied === STRAY || key === '__proto__') return STRAY
      // Messages begin so: an object made with a field costs less than one that it is added to.
      if (fields === undefined && key === 'type') {
        fields = { type: copied }
      } else {
        fields ??= {}
        fields[key] = copied
      }
    }
    return fields ?? {}
  }
  if (isAddress(value)) return value
  // Into a fresh buffer of its own: a Buffer may be a view of a pool, and slice() of one would share it.
  if (value instanceof Uint8Array) return isDetached(value) ? STRAY : new Uint8Array(value)
  if (Array.isArray(value)) {
    const items: unknown[] = []
    for (const item of value) {
      const copied = copy(item, depth + 1)
      if (copied === STRAY) return STRAY
      items.push(copied)
    }
    return items
  }
  if (value instanceof Table) {
    const entries: [string, unknown][] = []
    for (const [key, entry] of value) {
      const copied = copy(entry, depth + 1)
      if (copied === STRAY) return STRAY
      entries.push([key, copied])
    }
    return Table.from(entries)
  }
  return STRAY
}
