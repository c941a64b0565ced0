import { Fault } from './errors.ts'

declare const phantom: unique symbol

/** A node's name: the W3C multikey of its Ed25519 public key. */
export type NodeID = string

/** A name for an engine or a client. Anyone can make one: holding it grants nothing. */
export interface EngineID {
  /** The node it lives on. `null` is host shorthand for "here", which the runtime resolves in what a client sends. */
  readonly node: NodeID | null
  readonly name: string
}

/** An EngineID that knows which protocol is spoken there. */
export interface EngineRef<out P> extends EngineID {
  readonly [phantom]: P
}

/**
 * The name of an identity: it binds a signing key, an encryption key or both, so whoever holds it can verify, encrypt or both. It is
 * a name and no address (`node` is `null`), so nothing can be asked of it. Identities are compared by `name` alone.
 */
export interface ExternalIdentity extends EngineID {
  readonly node: null
  /** The keys, where they are too long for a name: `name` is their hash then. At most 4,096 bytes. */
  readonly bundle?: Uint8Array
  readonly [phantom]: 'ExternalIdentity'
}

/** The most bytes that a bundle may have. */
export const BUNDLE_LIMIT = 4096

let readTarget: (id: object) => unknown
let hasBrand: (value: object) => boolean

/**
 * A frozen EngineID with a slot where a runtime keeps what the name resolves to. Only this module reads it: whoever holds an
 * EngineID also holds its class, and must not get from there to the engine, nor make an object that passes for one.
 */
const Address = class EngineID {
  readonly node: NodeID | null
  readonly name: string
  #target: unknown

  constructor(node: NodeID | null, name: string, target: unknown) {
    this.node = node
    this.name = name
    this.#target = target
    Object.freeze(this)
  }

  static {
    hasBrand = value => #target in value
    readTarget = id => #target in id ? id.#target : undefined
  }
}

/** The EngineID that a runtime gives to `target`, so that a local send need not look it up. */
export function addressOf<P>(node: NodeID | null, name: string, target: unknown): EngineRef<P>
export function addressOf(node: NodeID | null, name: string, target: unknown): EngineID {
  return new Address(node, name, target)
}

/** What {@link addressOf} was given, or `undefined` for any other EngineID. */
export function targetOf(id: EngineID): unknown {
  return readTarget(id)
}

/** Whether this object is an EngineID made here: immutable, so it may be shared instead of copied. */
export function isAddress(value: object): boolean {
  return hasBrand(value)
}

/** Builds a frozen EngineID. Throws `invalid-argument` when a part is not a possible one. */
export function engineIDOf(node: NodeID | null, name: string): EngineID {
  if (node !== null && !isNodeID(node)) {
    throw new Fault('invalid-argument', `Not a NodeID: ${JSON.stringify(node)} is no multikey of an Ed25519 key ("z6Mk…")`)
  }
  if (!isEngineName(name)) throw new Fault('invalid-argument', `Not an engine's name: ${JSON.stringify(name)}`)
  return new Address(node, name, undefined)
}

/** Names an external identity. Name and bundle are checked where they are used: by `verify`, by `encrypt`, by a backend. */
export function externalIdentityOf(name: string, bundle?: Uint8Array): ExternalIdentity
export function externalIdentityOf(name: string, bundle?: Uint8Array): EngineID {
  return bundle === undefined ? new Address(null, name, undefined) : Object.freeze({ node: null, name, bundle })
}

/** Whether this is what an external identity looks like: `{ node: null, name }`, perhaps a `bundle`, and nothing else. */
export function isExternalIdentity(value: unknown): value is ExternalIdentity {
  if (typeof value !== 'object' || value === null || !('bundle' in value)) return isEngineID(value) && value.node === null
  const { bundle, ...id } = value
  return bundle instanceof Uint8Array && bundle.length <= BUNDLE_LIMIT && isEngineID(id) && id.node === null
}

/** Whether this has a name and a node, whatever they are: enough to look it up, at no cost. */
export function hasNames(value: unknown): value is EngineID {
  if (typeof value !== 'object' || value === null) return false
  const { name, node }: { readonly name?: unknown; readonly node?: unknown } = value
  return typeof name === 'string' && (typeof node === 'string' || node === null)
}

/** What {@link hasNames}, so that it stays as it is: itself if it was made here, otherwise a copy, for which it is read once. */
export function fixedNames(value: unknown): EngineID | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (isAddress(value)) return hasNames(value) ? value : undefined
  const { name, node }: { readonly name?: unknown; readonly node?: unknown } = value
  return typeof name === 'string' && (typeof node === 'string' || node === null) ? { node, name } : undefined
}

/** Whether this has the shape and the texts of an EngineID: `{ node, name }` and nothing else. */
export function isEngineID(value: unknown): value is EngineID {
  if (typeof value !== 'object' || value === null || !('name' in value) || !('node' in value)) return false
  const { name, node } = value
  return typeof name === 'string' && isEngineName(name) && (node === null || (typeof node === 'string' && isNodeID(node)))
    && Object.keys(value).length === 2
}

/** Whether two EngineIDs name the same engine. Compared as text: a `node` of `null` equals only `null`. */
export function sameEngine(a: EngineID, b: EngineID): boolean {
  return a === b || (a.name === b.name && a.node === b.node)
}

/** The text form, `node/name`; the node part is empty for an EngineID without one. Distinct EngineIDs have distinct texts. */
export function formatEngineID(id: EngineID): string {
  return `${id.node ?? ''}/${id.name}`
}

/** Reads the text form back. Throws `invalid-argument` for anything that {@link formatEngineID} does not print. */
export function parseEngineID(text: string): EngineID {
  const slash = text.indexOf('/')
  if (slash < 0) throw new Fault('invalid-argument', `Not an EngineID: ${JSON.stringify(text)} has no "/" between node and name`)
  return engineIDOf(slash === 0 ? null : text.slice(0, slash), text.slice(slash + 1))
}

const NODE_ID = /^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/
const EXTERNAL_IDENTITY = /^z[1-9A-HJ-NP-Za-km-z]{40,}/
const ENGINE_NAME = /^[^\s/\p{C}]+(?:\/[^\s/\p{C}]+)*$/u
const NAME_LIMIT = 1024
/** Leaves room for the names of descendants. */
const HOST_NAME_LIMIT = 128

export function isNodeID(text: string): boolean {
  return NODE_ID.test(text)
}

/** Whether this can be the name part of an EngineID: printable segments without white space, joined by `/`. */
export function isEngineName(text: string): boolean {
  return text.length <= NAME_LIMIT && ENGINE_NAME.test(text)
}

/** Whether this could be the name of an external identity, which no engine and no client has. */
export function looksExternal(text: string): boolean {
  return EXTERNAL_IDENTITY.test(text)
}

/** Whether a host may give this name to an engine or a client: one segment of at most 128 characters, and not mistakable for an external identity. */
export function isHostGivenName(text: string): boolean {
  return text.length <= HOST_NAME_LIMIT && isEngineName(text) && !text.includes('/') && !looksExternal(text)
}
