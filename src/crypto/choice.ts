import { Fault } from '../core/errors.ts'
import { asked, nodePlatform } from './node/platform.ts'
import type { NodePlatform } from './node/platform.ts'
import type { Path } from './suite.ts'

/** A scheme as a table has it: F is what is known of it before any code of it is chosen, and S computes it. */
export interface Entry<F, S> {
  readonly facts: F
  readonly portable: S
  /** The native way, or `undefined` where this platform lacks it. Called once, when the scheme is first used. */
  native(platform: NodePlatform): S | undefined
}

/** What is chosen from a table of schemes. */
export interface Choice<F, S> {
  readonly facts: readonly F[]
  /** Those in use, one for each entry; or all that there are of one path. Loads the native packages. */
  all(path?: Path): readonly S[]
  /** The one in use whose facts are these, if there is one. */
  find(matches: (facts: F) => boolean): S | undefined
}

/** One choice for the life of the process: native code where there is some, unless IPSE_CRYPTO asks for something else. */
export function choiceOf<F, S>(entries: readonly Entry<F, S>[], nameOf: (facts: F) => string): Choice<F, S> {
  const natives = new Map<Entry<F, S>, S | undefined>()

  function nativeOf(entry: Entry<F, S>): S | undefined {
    if (nodePlatform === undefined) return undefined
    if (!natives.has(entry)) natives.set(entry, entry.native(nodePlatform))
    return natives.get(entry)
  }

  function chosen(entry: Entry<F, S>): S {
    if (asked === 'portable') return entry.portable
    if (asked !== undefined && asked !== 'native') throw new Fault('invalid-argument', `IPSE_CRYPTO is ${JSON.stringify(asked)}: set it to native or portable, or unset it`)
    const native = nativeOf(entry)
    if (native === undefined && asked === 'native') {
      throw new Fault('not-available', `IPSE_CRYPTO=native, and there is no native ${nameOf(entry.facts)} here: the README says what it needs; or unset it`)
    }
    return native ?? entry.portable
  }

  return Object.freeze({
    facts: Object.freeze(entries.map(({ facts }) => facts)),
    all: (path?: Path) => entries.flatMap(entry => {
      const scheme = path === undefined ? chosen(entry) : path === 'portable' ? entry.portable : nativeOf(entry)
      return scheme === undefined ? [] : [scheme]
    }),
    find(matches: (facts: F) => boolean) {
      const entry = entries.find(({ facts }) => matches(facts))
      return entry && chosen(entry)
    },
  })
}
