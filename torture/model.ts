import { hexToBytes } from '@noble/hashes/utils.js'
import { parseExternalIdentity } from '../src/index.ts'
import type { ExternalIdentity } from '../src/index.ts'
import type { Deed, Entry, Made, State } from './journal.ts'

/** What is known of an identity: each set is of what may be, and has one member where that is certain. */
export interface Known {
  readonly states: ReadonlySet<State>
  /** Whether the other client may commit with it. */
  readonly granted: ReadonlySet<boolean>
}

/** What must be, or may be, there after a kill, by what was asked for and acknowledged. */
export class Model {
  readonly identities = new Map<string, Known>()
  /** Names of those that something was done with since all was looked at. */
  readonly touched = new Set<string>()
  /** What each request generated: `undefined` while that is not known. */
  readonly requests = new Map<string, { readonly deed: Extract<Deed, { does: 'generate' }>; readonly name: string | undefined }>()
  /** Backups that are being restored, by the id of the deed. */
  readonly restoring = new Map<string, Extract<Deed, { does: 'restore' }>>()
  /** The names of identities in backups that were taken since all was looked at. */
  readonly backups = new Map<string, string>()
  /** Those that may open the vault, of which an empty one stands for none; and those that were replaced since all was looked at. */
  passphrases: ReadonlySet<string> = new Set([''])
  replaced: ReadonlySet<string> = new Set()
  isPassphraseChecked = true
  /** Which were posted, and whether that was acknowledged. */
  readonly messages = new Map<number, boolean>()
  acknowledged = 0
  readonly #bundles = new Map<string, Uint8Array>()
  readonly #deeds = new Map<string, Deed>()

  static of(entries: readonly Entry[]): Model {
    const model = new Model()
    for (const entry of entries) model.add(entry)
    return model
  }

  add(entry: Entry): void {
    switch (entry.entry) {
      case 'intent':
        this.#deeds.set(entry.id, entry.deed)
        return this.#intend(entry.id, entry.deed)
      case 'done': {
        this.acknowledged++
        const deed = this.#deeds.get(entry.id)
        return deed && this.#acknowledge(entry.id, deed, entry.made)
      }
      case 'seen':
        this.touched.clear()
        for (const { name, state, isGranted } of entry.identities) this.#set(name, [state], isGranted === undefined ? undefined : [isGranted])
        for (const number of entry.messages) this.messages.set(number, true)
        this.passphrases = new Set([entry.passphrase])
        this.isPassphraseChecked = true
        this.replaced = new Set()
        return this.backups.clear()
      default:
    }
  }

  #intend(id: string, deed: Deed): void {
    switch (deed.does) {
      case 'generate': return void this.requests.set(deed.request, { deed, name: undefined })
      case 'grant': return this.#may(deed.name, [], [true])
      case 'revoke': return this.#may(deed.name, [], [false])
      case 'delete': return this.#may(deed.name, ['deleted'], [])
      case 'undelete': return this.#may(deed.name, ['live'], [])
      case 'purge': return this.#may(deed.name, ['gone'], [])
      case 'restore': return void this.restoring.set(id, deed)
      case 'message': return void this.messages.set(deed.number, false)
      case 'passphrase':
        this.passphrases = new Set([...this.passphrases, deed.to])
        this.isPassphraseChecked = false
        return
      default:
    }
  }

  #acknowledge(id: string, deed: Deed, made: Made | undefined): void {
    switch (deed.does) {
      case 'generate':
        this.requests.set(deed.request, { deed, name: made?.name })
        if (made?.bundle !== undefined) this.#bundles.set(made.name, hexToBytes(made.bundle))
        return made && this.#is(made.name, ['live'], [false])
      case 'grant': return this.#is(deed.name, undefined, [true])
      case 'revoke': return this.#is(deed.name, undefined, [false])
      case 'delete': return this.#is(deed.name, ['deleted'])
      case 'undelete': return this.#is(deed.name, ['live'])
      case 'purge': return this.#is(deed.name, ['gone'])
      case 'restore':
        this.restoring.delete(id)
        for (const restored of deed.names) this.#is(restored, ['live'], [false])
        return
      case 'backup': return void this.backups.set(deed.file, deed.name)
      case 'message': return void this.messages.set(deed.number, true)
      case 'passphrase':
        this.replaced = new Set([...this.passphrases].filter(one => one !== deed.to && one !== ''))
        this.passphrases = new Set([deed.to])
        return
      default:
    }
  }

  #may(name: string, states: readonly State[], granted: readonly boolean[]): void {
    const known = this.identities.get(name)
    if (known !== undefined) this.#is(name, [...known.states, ...states], [...known.granted, ...granted])
  }

  #is(name: string, states?: readonly State[], granted?: readonly boolean[]): void {
    this.touched.add(name)
    this.#set(name, states, granted)
  }

  #set(name: string, states?: readonly State[], granted?: readonly boolean[]): void {
    const known = this.identities.get(name)
    this.identities.set(name, { states: states ? new Set(states) : known?.states ?? new Set(), granted: granted ? new Set(granted) : known?.granted ?? new Set([false]) })
  }

  externalIdentity(name: string): ExternalIdentity {
    return parseExternalIdentity(name, this.#bundles.get(name))
  }

  /** What an identity is, if all of that is certain. */
  certain(name: string): { readonly state: State; readonly isGranted: boolean } | undefined {
    const { states = [], granted = [] } = this.identities.get(name) ?? {}
    const [state, ...states_] = states
    const [isGranted, ...granted_] = granted
    return state === undefined || isGranted === undefined || states_.length + granted_.length > 0 ? undefined : { state, isGranted }
  }
}
