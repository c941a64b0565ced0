import { describe, expect, test } from 'vitest'
import type { Anchor } from '../../src/backends/vault/anchor.ts'
import type { KeyslotFile } from '../../src/backends/vault/keyslot-file.ts'
import type { Vault } from '../../src/backends/vault/vault.ts'
import type { ExternalIdentity } from '../../src/core/engine-id.ts'
import { Fault } from '../../src/core/errors.ts'
import { verifyCommitment } from '../../src/crypto/commitment.ts'
import type { Store } from '../../src/stores/store.ts'
import { Disk, key, MemoryAnchor, signal } from './vaults.ts'

const data = new Uint8Array([1, 2, 3])

/** A process that dies at its k-th write to whatever outlasts it: before it is done, or after. From then on nothing answers but by failing. */
class Death {
  #left: number
  readonly #isAfter: boolean
  isDead = false

  constructor(at: number, isAfter: boolean) {
    this.#left = at
    this.#isAfter = isAfter
  }

  async write(act: () => Promise<void>): Promise<void> {
    this.check()
    if (this.#left-- > 0) return act()
    if (this.#isAfter) await act()
    this.isDead = true
    this.check()
  }

  check(): void {
    if (this.isDead) throw new Fault('store-failed', 'The process died')
  }

  anchor(anchor: Anchor): Anchor {
    return {
      read: async () => {
        this.check()
        return anchor.read()
      },
      advance: state => this.write(() => anchor.advance(state)),
    }
  }

  disk(disk: Disk): { readonly store: Store; readonly keyslots: KeyslotFile } {
    const { store, keyslots } = disk
    return {
      store: {
        capabilities: { persistent: false, compacts: true },
        get: async name => {
          this.check()
          return store.get(name)
        },
        range: range => {
          this.check()
          return store.range(range)
        },
        write: changes => this.write(() => store.write(changes)),
        compact: () => this.write(async () => {}),
        close: async () => {},
      },
      keyslots: {
        read: async () => {
          this.check()
          return keyslots.read()
        },
        replace: bytes => this.write(() => keyslots.replace(bytes)),
      },
    }
  }
}

/** What an identity may be found as. */
type State = 'alive' | 'deleted' | 'gone'

interface World {
  readonly disk: Disk
  readonly identities: { readonly [name: string]: ExternalIdentity }
  readonly backup: Uint8Array
  readonly anchor: MemoryAnchor
}

async function generate({ backend }: Vault, name: string): Promise<ExternalIdentity> {
  return backend.generate({ key: name, params: 'Ed25519', capabilities: 'CommitAndDecrypt' }, signal)
}

/** `alive`, `deleted` since yesterday, `over`, whose delete is final, and `purged`. */
async function world(): Promise<World> {
  const disk = new Disk()
  const anchor = new MemoryAnchor()
  const vault = await disk.open({ undoPeriod: 100, anchor })
  const identities: Record<string, ExternalIdentity> = {}
  for (const name of ['alive', 'deleted', 'over', 'purged']) identities[name] = await generate(vault, name)
  const { deleted, over, purged } = identities
  if (!deleted || !over || !purged) return expect.fail()
  const backup = await vault.exportBackup([purged], key(9))
  await vault.backend.delete(purged, signal)
  await vault.purge([purged])
  await vault.backend.delete(over, signal)
  disk.time += 100
  await vault.backend.delete(deleted, signal)
  await vault.close()
  return { disk, identities, backup, anchor }
}

async function stateOf(vault: Vault, identity: ExternalIdentity): Promise<State> {
  try {
    const signer = await vault.backend.signer(identity, signal)
    expect(verifyCommitment(identity, data, await signer.sign(data, signal))).toBe(true)
    await signer.close()
    return 'alive'
  } catch (error) {
    expect(error).toMatchObject({ code: 'not-found' })
  }
  for await (const { externalIdentity, deleted } of vault.identities()) {
    if (externalIdentity.name === identity.name && deleted && deleted.undoUntil > NOW) return 'deleted'
  }
  return 'gone'
}

/** The time at which all is looked at. */
const NOW = 1_000_100

interface Operation {
  readonly act: (vault: Vault, world: World) => Promise<unknown>
  /** What this identity is after it, and before; all others are as they were. */
  readonly becomes?: readonly [name: string, after: State, before: State]
}

const named = ({ identities }: World, name: string): ExternalIdentity => identities[name] ?? expect.fail(name)
const BEFORE: { readonly [name: string]: State } = { alive: 'alive', deleted: 'deleted', over: 'gone', purged: 'gone' }

const operations: { readonly [what: string]: Operation } = {
  'opening it': { act: async () => {} },
  'generate': { act: vault => generate(vault, 'new') },
  'delete': { act: async (vault, on) => vault.backend.delete(named(on, 'alive'), signal), becomes: ['alive', 'deleted', 'alive'] },
  'undelete': { act: async (vault, on) => vault.backend.undelete?.(named(on, 'deleted'), signal), becomes: ['deleted', 'alive', 'deleted'] },
  'rotate': { act: vault => vault.rotate() },
  'rotate twice': { act: async vault => [await vault.rotate(), await vault.rotate()] },
  'purge': { act: vault => vault.purge() },
  'purge one that could be taken back': { act: (vault, on) => vault.purge([named(on, 'deleted')]), becomes: ['deleted', 'gone', 'deleted'] },
  'import': { act: (vault, on) => vault.importBackup(on.backup, key(9), { purged: 'import' }), becomes: ['purged', 'alive', 'gone'] },
  'refuse to import': { act: (vault, on) => vault.importBackup(on.backup, key(9)) },
  'add a slot': { act: vault => vault.addSlot(key(8)) },
  'replace a slot': { act: vault => vault.changePassphrase(key(), key(8)) },
  'lock and unlock': { act: async vault => [await vault.lock(), await vault.unlock(key())] },
  'rotate, lock, unlock, generate': { act: async vault => [await vault.rotate(), await vault.lock(), await vault.unlock(key()), await generate(vault, 'new')] },
}

describe.each(Object.entries(operations))('a process that dies at a write of: %s', (what, { act, becomes }) => {
  test.each([
    ['before it is done', false, false], ['after it was done', true, false], ['before it is done, with an anchor', false, true], ['after it was done, with an anchor', true, true],
  ])('%s', async (_when, isAfter, isAnchored) => {
    const origin = await world()
    let at = 0
    for (let isDead = true; isDead; at++) {
      const disk = await origin.disk.copy()
      const death = new Death(at, isAfter)
      const anchor = new MemoryAnchor(origin.anchor.state)
      const anchored = isAnchored && { anchor }
      const acknowledged = await disk.open({ ...death.disk(disk), ...isAnchored && { anchor: death.anchor(anchor) } }).then(async vault => {
        const answer = await act(vault, origin)
        return { answer }
      }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: expect.stringMatching(isAnchored ? /^(?:store|backend)-failed$/ : /^store-failed$/) })
      })
      isDead = death.isDead
      // Where it did not die, it was acknowledged.
      expect(acknowledged !== undefined || isDead).toBe(true)
      const vault = await disk.open({ ...anchored }).catch((error: unknown) => {
        // Its key was replaced, acknowledged or not.
        if (what !== 'replace a slot') throw error
        return disk.open({ unlock: key(8), ...anchored })
      })
      expect(vault.damage).toEqual([])
      const found: Record<string, State> = {}
      for (const [name, identity] of Object.entries(origin.identities)) found[name] = await stateOf(vault, identity)
      const [name = '', after = 'gone', before = 'gone'] = becomes ?? []
      const changed = found[name]
      expect(becomes === undefined || changed === after || (acknowledged === undefined && changed === before), `${what}, dead at ${at}: ${name} is ${changed}`).toBe(true)
      expect({ ...found, [name]: undefined }, `${what}, dead at ${at}`).toEqual({ ...BEFORE, [name]: undefined })
      // What was answered is answered again; and the vault goes on.
      if (what === 'generate' && acknowledged) expect(await generate(vault, 'new')).toEqual(acknowledged.answer)
      expect(await generate(vault, 'alive').then(({ name: same }) => same, () => named(origin, 'alive').name)).toBe(named(origin, 'alive').name)
      await vault.rotate()
      await generate(vault, 'newest')
      await vault.close()
    }
    // It wrote once at least, unless it has nothing to write.
    expect(at).toBeGreaterThan(/^(?:opening it|refuse|lock)/.test(what) ? 0 : 1)
  })
})

describe('a process that dies while it makes a vault', () => {
  test.each([['before', false], ['after', true]])('%s a write is done', async (_when, isAfter) => {
    let at = 0
    for (let isDead = true; isDead; at++) {
      const disk = new Disk()
      const death = new Death(at, isAfter)
      await disk.open(death.disk(disk)).catch((error: unknown) => expect(error).toMatchObject({ code: 'store-failed' }))
      isDead = death.isDead
      const vault = await disk.open()
      const identity = await generate(vault, 'a')
      await vault.close()
      expect(await stateOf(await disk.open(), identity)).toBe('alive')
    }
    // The keyslots, the manifest, and the keyslots again.
    expect(at).toBe(4)
  })
})

test('what was acknowledged to many at once is there, and of the others whole ones or none', async () => {
  for (const isAfter of [false, true]) {
    for (let at = 0; at < 4; at++) {
      const disk = new Disk()
      await (await disk.open()).close()
      const death = new Death(at, isAfter)
      const vault = await disk.open(death.disk(disk))
      const answers: (ExternalIdentity | undefined)[] = []
      for (let round = 0; round < 3; round++) {
        answers.push(...await Promise.all(Array.from({ length: 20 }, (_, i) => generate(vault, `${round} ${i}`).catch(() => undefined))))
      }
      const again = await disk.open()
      expect(again.damage).toEqual([])
      for (const [i, answer] of answers.entries()) {
        if (answer) expect(await generate(again, `${Math.floor(i / 20)} ${i % 20}`)).toEqual(answer)
      }
    }
  }
})
