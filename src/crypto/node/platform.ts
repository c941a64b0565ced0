import type * as crypto from 'node:crypto'

// These functions take any bytes, where their declarations ask for a Buffer.
declare module 'node:crypto' {
  interface KeyBytes {
    readonly key: Uint8Array
    readonly format: 'der'
  }
  function createPrivateKey(key: KeyBytes & { readonly type: 'pkcs8' }): crypto.KeyObject
  function createPublicKey(key: KeyBytes & { readonly type: 'spki' }): crypto.KeyObject
}

/** The functions of `node:crypto`. */
export type NodeCrypto = typeof crypto

/** A key that OpenSSL holds. */
export type KeyObject = crypto.KeyObject

/** What native code is made of: Node.js's own, and packages that may be absent. */
export interface NodePlatform {
  readonly crypto: NodeCrypto
  /** "OpenSSL 3.5.8": what `node:crypto` computes with. */
  readonly openssl: string
  /** Loads a CommonJS package that was installed; `undefined` when it is absent or does not load here. What it holds is for the caller to check. */
  load(name: string): unknown
  /** Resolves after the event loop has taken a turn. */
  turn(): Promise<void>
}

/** What the environment variable IPSE_CRYPTO asks for: one path for all that is computed, or, unset, native code wherever there is some. */
export const asked: string | undefined = typeof process === 'object' ? process.env?.['IPSE_CRYPTO'] || undefined : undefined

/**
 * Node.js, and `undefined` elsewhere. Its modules are asked for at run time and never imported, so that browsers can have every file of
 * this library; other runtimes that imitate Node.js compute with something else than OpenSSL, and take the portable path.
 */
export const nodePlatform: NodePlatform | undefined = (() => {
  if (typeof process !== 'object' || process.release?.name !== 'node' || 'bun' in process.versions || 'deno' in process.versions) return undefined
  const modules = process.getBuiltinModule
  if (modules === undefined) return undefined
  const { setImmediate } = modules('node:timers')
  return Object.freeze({
    crypto: modules('node:crypto'),
    openssl: `OpenSSL ${process.versions.openssl}`,
    load(name: string): unknown {
      try {
        // A bundle may have no import.meta.url: then packages are absent.
        return modules('node:module').createRequire(import.meta.url)(name)
      } catch {
        return undefined
      }
    },
    turn: () => new Promise<void>(resolve => setImmediate(resolve)),
  })
})()
