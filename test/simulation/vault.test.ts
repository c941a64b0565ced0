import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, test } from 'vitest'
import { openSealedVault } from '../../src/backends/vault/vault.ts'
import type { KeyslotFile } from '../../src/backends/vault/keyslot-file.ts'
import { Secret } from '../../src/backends/vault/passphrase.ts'
import { createIdentities } from './identities.ts'
import type { Owner } from './identities.ts'
import { simulate } from '../../src/simulation.ts'
import type { Simulation } from '../../src/simulation.ts'
import { identityManagement } from '../../src/index.ts'
import type { Store } from '../../src/index.ts'

/** A keyslot file on virtual time. What of it a crash leaves has nothing to do with what it leaves of the store: the two may be written in either order. */
class SeededKeyslots implements KeyslotFile {
  readonly #sim: Simulation
  #states: (Uint8Array | undefined)[] = [undefined]

  constructor(sim: Simulation) {
    this.#sim = sim
  }

  read(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#states.at(-1))
  }

  async replace(bytes: Uint8Array): Promise<void> {
    const state = Uint8Array.from(bytes)
    this.#states.push(state)
    await this.#sim.sleep(this.#sim.choose(8))
    // Acknowledged, unless a crash came before.
    const at = this.#states.indexOf(state)
    if (at < 0) return new Promise(() => {})
    this.#states.splice(0, at)
  }

  /** Leaves one of the states since the last that was acknowledged. */
  crash(): void {
    this.#states = [this.#states[this.#sim.choose(this.#states.length)]]
  }
}

/** One life's way to what outlasts it: what is left of that life after a crash changes nothing any more. */
class Mortal {
  #isDead = false

  store(store: Store): Store {
    return {
      capabilities: store.capabilities,
      get: key => this.#unless(() => store.get(key)),
      range: range => store.range(range),
      write: changes => this.#unless(() => store.write(changes)),
      close: () => Promise.resolve(),
    }
  }

  keyslots(file: KeyslotFile): KeyslotFile {
    return { read: () => this.#unless(() => file.read()), replace: bytes => this.#unless(() => file.replace(bytes)) }
  }

  die(): void {
    this.#isDead = true
  }

  #unless<T>(act: () => Promise<T>): Promise<T> {
    return this.#isDead ? new Promise(() => {}) : act()
  }
}

/** Keys from a seed: for simulations alone. */
function seededBytes(seed: number): (length: number) => Uint8Array {
  let count = 0
  return length => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) bytes.set(sha256(new TextEncoder().encode(`${seed} ${count++}`)).subarray(0, Math.min(32, length - at)), at)
    return bytes
  }
}

const unlocker = (text: string) => new Secret('key-file', sha256(new TextEncoder().encode(text)))

async function live(seed: number): Promise<Owner> {
  const sim = simulate({ seed })
  const store = sim.store()
  const keyslots = new SeededKeyslots(sim)
  const random = seededBytes(seed)
  const owner = createIdentities(sim)
  await sim.run(async () => {
    let node = sim.createNode({ store })
    for (let life = 0; life < 5; life++) {
      const isLast = life === 4
      const mortal = new Mortal()
      const vault = await openSealedVault({ store: mortal.store(store), keyslots: mortal.keyslots(keyslots), unlock: unlocker('key') }, { random, now: () => sim.time })
      const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [vault.backend] } })
      // What a crash interrupted is done to its end.
      await sim.sleep(200)
      await owner.check(node, im)
      if (isLast) break
      const living = owner.live(node, im, vault)
      await sim.sleep(sim.choose(120))
      owner.die()
      mortal.die()
      const next = sim.restart(node)
      keyslots.crash()
      node = next
      void living
    }
  })
  expect(sim.reported).toEqual([])
  return owner
}

describe('on a host whose disk loses what was not acknowledged, of store and keyslots apart', () => {
  test('identities, grants, deletes, rotations and purges outlast every crash, and none is half there or comes back', async () => {
    const counts = { generated: 0, deleted: 0, purged: 0, rotated: 0, granted: 0, unsure: 0 }
    for (let seed = 0; seed < 40; seed++) {
      const owner = await live(seed).catch((error: unknown) => { throw new Error(`Seed ${seed}`, { cause: error }) })
      for (const [what, count] of Object.entries(owner.counts)) if (what in counts) Object.assign(counts, { [what]: Reflect.get(counts, what) + count })
    }
    // What was meant to happen did.
    for (const [what, count] of Object.entries(counts)) expect([what, count > 10]).toEqual([what, true])
  }, 120_000)
})
