import type { Anchor } from '../../src/backends/vault/anchor.ts'
import { Secret } from '../../src/backends/vault/passphrase.ts'
import { memoryKeyslots } from '../../src/backends/vault/memory-keyslot-file.ts'
import type { KeyslotFile } from '../../src/backends/vault/keyslot-file.ts'
import type { Unlocker } from '../../src/backends/vault/root-keys.ts'
import { openSealedVault } from '../../src/backends/vault/vault.ts'
import type { Vault, VaultOptions, VaultSources } from '../../src/backends/vault/vault.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { keysUnder } from '../../src/stores/key.ts'
import type { Row, Store } from '../../src/stores/store.ts'

export const { signal } = new AbortController()
export const DAY = 24 * 60 * 60 * 1000

/** Opens slots without the cost of a passphrase. */
export function key(byte = 7): Unlocker {
  return new Secret('key-file', new Uint8Array(32).fill(byte))
}

/** An anchor as a host would have it, outside of the disk. */
export class MemoryAnchor implements Anchor {
  state: Uint8Array | undefined
  isFailing = false

  constructor(state?: Uint8Array) {
    this.state = state
  }

  async read(): Promise<Uint8Array | undefined> {
    return this.state
  }

  async advance(state: Uint8Array): Promise<void> {
    if (this.isFailing) throw new TypeError('no network')
    this.state = state
  }
}

/** What outlasts a vault's process, and its clock. */
export class Disk {
  readonly store: Store = memoryStore()
  readonly keyslots: KeyslotFile = memoryKeyslots()
  time = 1_000_000

  open(options: Partial<VaultOptions> = {}, sources: Partial<VaultSources> = {}): Promise<Vault> {
    return openSealedVault({ store: this.store, keyslots: this.keyslots, unlock: key(), ...options }, { random: randomBytes, now: () => this.time, ...sources })
  }

  /** All that is stored by a vault. */
  async rows(...under: readonly string[]): Promise<readonly Row[]> {
    const rows: Row[] = []
    for await (const row of this.store.range(keysUnder('vault', ...under))) rows.push(row)
    return rows
  }

  /** What this one holds, in other places. */
  async copy(): Promise<Disk> {
    const copy = new Disk()
    copy.time = this.time
    await copy.store.write(await this.rows())
    const slots = await this.keyslots.read()
    if (slots) await copy.keyslots.replace(slots)
    return copy
  }

  /** Makes its store what another one's was. */
  async putBack(earlier: readonly Row[]): Promise<void> {
    await this.store.write([...(await this.rows()).map(({ key }) => ({ key, value: undefined })), ...earlier])
  }
}
