import { expect } from 'vitest'
import { identities, verify } from '../../src/index.ts'
import type { EngineRef, ExternalIdentity, Identities, IdentityManagementProtocol, Node } from '../../src/index.ts'
import type { Simulation } from '../../src/simulation.ts'
import type { Vault } from '../../src/vault.ts'

type Sure = 'yes' | 'no' | 'unsure'

/** What is known of one identity: by what was answered, and by what was asked and not answered. */
interface Known {
  readonly requestId: string
  identity: ExternalIdentity | undefined
  deleted: Sure
  granted: Sure
  purged: Sure
}

/** Clients that generate, share, delete and purge identities until a crash, and check after it that all they know still holds. */
export interface Owner {
  readonly counts: { generated: number; deleted: number; purged: number; rotated: number; granted: number; unsure: number }
  check(node: Node, im: EngineRef<IdentityManagementProtocol>): Promise<void>
  live(node: Node, im: EngineRef<IdentityManagementProtocol>, vault: Vault): Promise<void>
  die(): void
}

const data = new Uint8Array([1, 2, 3])

export function createIdentities(sim: Simulation): Owner {
  const all: Known[] = []
  const counts = { generated: 0, deleted: 0, purged: 0, rotated: 0, granted: 0, unsure: 0 }
  let life = 0

  /** Does what may be cut short: until it is answered, nobody is sure. */
  async function set(known: Known, field: 'deleted' | 'granted' | 'purged', value: 'yes' | 'no', act: () => Promise<unknown>): Promise<void> {
    known[field] = 'unsure'
    await act()
    known[field] = value
  }

  async function connects(who: Identities, { identity }: Known): Promise<boolean> {
    if (identity === undefined) return false
    try {
      const handle = await who.connect(identity, 'Commit')
      expect(await verify(identity, data, await handle.commit(data))).toBe(true)
      return true
    } catch (error) {
      // Nothing else may be wrong with it.
      expect(error).toMatchObject({ code: expect.stringMatching(/^(?:not-found|not-granted)$/) })
      return false
    }
  }

  async function act(node: Node, owner: Identities, vault: Vault): Promise<void> {
    const known = all[sim.choose(Math.max(all.length, 1))]
    const { identity } = known ?? {}
    switch (known === undefined || identity === undefined || known.purged !== 'no' ? 0 : sim.choose(7)) {
      case 0: case 1: {
        const made: Known = { requestId: `${all.length}`, identity: undefined, deleted: 'no', granted: 'no', purged: 'no' }
        all.push(made)
        made.identity = (await owner.generate({ params: 'Ed25519', capabilities: 'Commit', requestId: made.requestId })).externalIdentity
        counts.generated++
        return
      }
      case 2:
        if (known === undefined || identity === undefined || known.deleted !== 'no') return
        await set(known, 'granted', 'yes', () => node.client('owner').ask(im(), { type: 'GrantIdentityRequest', externalIdentity: identity, grantee: node.client('friend').id, capabilities: 'Commit' }))
        counts.granted++
        return
      case 3:
        if (known === undefined || identity === undefined || known.deleted !== 'no') return
        await set(known, 'deleted', 'yes', () => node.client('owner').ask(im(), { type: 'DeleteIdentityRequest', externalIdentity: identity, backend: { type: 'LocalMemory' } }))
        counts.deleted++
        return
      case 4:
        if (known === undefined || identity === undefined || known.deleted !== 'yes') return
        if (sim.choose(2) === 0) return set(known, 'deleted', 'no', () => owner.undelete(identity))
        await set(known, 'purged', 'yes', () => vault.purge([identity]))
        counts.purged++
        return
      case 5:
        await vault.rotate()
        counts.rotated++
        return
      default:
        if (known !== undefined) await connects(owner, known)
    }
  }

  let current: EngineRef<IdentityManagementProtocol> | undefined
  const im = () => current ?? expect.fail('There is no Identity Management')

  return {
    counts,
    async check(node, engine) {
      current = engine
      const owner = identities(node.client('owner'), engine)
      const friend = identities(node.client('friend'), engine)
      const listed = new Set<string>()
      for (const known of all) {
        if (known.identity === undefined) {
          // Asked again, it is one identity, whatever became of the first time.
          known.identity = (await owner.generate({ params: 'Ed25519', capabilities: 'Commit', requestId: known.requestId })).externalIdentity
          counts.unsure++
        }
        const [mine, theirs] = [await connects(owner, known), await connects(friend, known)]
        const { deleted, granted, purged } = known
        if (purged === 'yes' || deleted === 'yes') expect([known.requestId, mine]).toEqual([known.requestId, false])
        else if (deleted === 'no' && purged === 'no') expect([known.requestId, mine]).toEqual([known.requestId, true])
        if (granted === 'no' || !mine) expect(theirs).toBe(false)
        else if (granted === 'yes') expect(theirs).toBe(true)
        // What is seen now is so from now on.
        known.deleted = mine ? 'no' : 'yes'
        if (mine) known.granted = theirs ? 'yes' : 'no'
        if (purged === 'unsure') known.purged = await owner.undelete(known.identity).then(() => 'no', () => 'yes')
        if (purged === 'unsure' && known.purged === 'no') known.deleted = 'no'
        if (known.deleted === 'no') listed.add(known.identity.name)
      }
      expect(new Set((await owner.list()).map(({ externalIdentity }) => externalIdentity.name))).toEqual(listed)
    },

    async live(node, engine, vault) {
      current = engine
      const own = ++life
      const owner = identities(node.client('owner'), engine)
      // One after the other: so each is sure of what it acts upon.
      while (own === life) await act(node, owner, vault)
    },

    die() {
      life++
    },
  }
}
