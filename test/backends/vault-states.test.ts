import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Vault } from '../../src/backends/vault/vault.ts'
import type { Signer } from '../../src/backends/backend.ts'
import type { ExternalIdentity } from '../../src/core/engine-id.ts'
import { verifyCommitment } from '../../src/crypto/commitment.ts'
import { Disk, key, signal } from './vaults.ts'

const PERIOD = 100
const data = new Uint8Array([1, 2, 3])
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const rejects = (act: () => unknown, expected: string): Promise<void> => expect((async () => act())()).rejects.toEqual(code(expected))

/** What a vault should have. */
interface Known {
  readonly identity: ExternalIdentity
  until?: number | undefined
  isPurged?: boolean
}

class Model {
  readonly known = new Map<string, Known>()
  readonly attempts = new Map<string, string>()
  readonly backups: { readonly bytes: Uint8Array; readonly names: readonly string[] }[] = []
  isLocked = false
  now = 0
  password = 1

  /** The one that is `at` of all that ever were, purged ones included. */
  pick(at: number): Known | undefined {
    return [...this.known.values()][at % Math.max(1, this.known.size)]
  }

  isAlive({ until, isPurged }: Known): boolean {
    return until === undefined && isPurged !== true
  }

  isOver({ until }: Known): boolean {
    return until !== undefined && this.now >= until
  }

  isKnown(one: Known): boolean {
    return one.isPurged !== true && !this.isOver(one)
  }

  purge(one: Known): void {
    one.isPurged = true
    one.until = undefined
    for (const [attempt, name] of this.attempts) if (name === one.identity.name) this.attempts.delete(attempt)
  }
}

class Real {
  readonly disk: Disk
  vault: Vault
  /** Left open, over locks, until its identity is deleted or the vault closed. */
  readonly signers = new Map<string, Signer>()

  constructor(disk: Disk, vault: Vault) {
    this.disk = disk
    this.vault = vault
  }
}

type Step = fc.AsyncCommand<Model, Real>

function step(name: string, act: (model: Model, real: Real) => Promise<void>): Step {
  return {
    check: () => true,
    async run(model, real) {
      await act(model, real)
      if (!model.isLocked) await compare(model, real)
    },
    toString: () => name,
  }
}

/** The whole of it. */
async function compare(model: Model, { vault, signers }: Real): Promise<void> {
  const found = []
  for await (const { externalIdentity, deleted } of vault.identities()) found.push([externalIdentity.name, deleted?.undoUntil])
  const expected = [...model.known.values()].filter(({ isPurged }) => isPurged !== true).map(({ identity, until }) => [identity.name, until])
  expect(found.toSorted()).toEqual(expected.toSorted())
  for (const [name, signer] of signers) {
    const one = model.known.get(name)
    if (one && model.isAlive(one)) expect(verifyCommitment(one.identity, data, await signer.sign(data, signal))).toBe(true)
    else await rejects(() => signer.sign(data, signal), 'backend-failed')
  }
}

/** On an unlocked vault, with one identity: what it answers while locked is always the same. */
function onOne(name: string, at: number, act: (one: Known, model: Model, real: Real) => Promise<void>, whenLocked: (one: Known, real: Real) => unknown): Step {
  return step(`${name} ${at}`, async (model, real) => {
    const one = model.pick(at)
    if (one === undefined) return
    if (model.isLocked) await rejects(() => whenLocked(one, real), 'locked')
    else await act(one, model, real)
  })
}

const generate = (attempt: string): Step => step(`generate ${attempt}`, async (model, { vault }) => {
  const make = async () => vault.backend.generate({ key: attempt, params: 'Ed25519', capabilities: 'Commit' }, signal)
  if (model.isLocked) return rejects(make, 'locked')
  const before = model.known.get(model.attempts.get(attempt) ?? '')
  if (before && model.isAlive(before)) return expect(await make()).toEqual(before.identity)
  if (before && model.isKnown(before)) return rejects(make, 'backend-failed')
  const identity = await make()
  expect(model.known.has(identity.name)).toBe(false)
  model.known.set(identity.name, { identity })
  model.attempts.set(attempt, identity.name)
})

const remove = (at: number): Step => onOne('delete', at, async (one, model, { vault }) => {
  const act = async () => vault.backend.delete(one.identity, signal)
  if (!model.isKnown(one)) return rejects(act, 'not-found')
  one.until ??= model.now + PERIOD
  expect(await act()).toEqual({ undoUntil: one.until })
}, (one, { vault }) => vault.backend.delete(one.identity, signal))

const undelete = (at: number): Step => onOne('undelete', at, async (one, model, { vault, signers }) => {
  const act = async () => vault.backend.undelete?.(one.identity, signal)
  if (!model.isKnown(one)) return rejects(act, 'not-found')
  await act()
  // What was open before stays closed.
  if (one.until !== undefined) signers.delete(one.identity.name)
  one.until = undefined
}, (one, { vault }) => vault.backend.undelete?.(one.identity, signal))

const open = (at: number): Step => step(`open a signer ${at}`, async (model, { vault, signers }) => {
  const one = model.pick(at)
  if (one === undefined) return
  const act = async () => vault.backend.signer(one.identity, signal)
  // While it is locked, nobody can tell more than that there is a record.
  if (model.isLocked ? one.isPurged : !model.isAlive(one)) return rejects(act, 'not-found')
  const signer = await act()
  if (model.isLocked) {
    await rejects(() => signer.sign(data, signal), 'locked')
    return signer.close()
  }
  await signers.get(one.identity.name)?.close()
  signers.set(one.identity.name, signer)
})

const purgeOne = (at: number): Step => onOne('purge', at, async (one, model, { vault, signers }) => {
  const act = () => vault.purge([one.identity])
  if (one.isPurged) return rejects(act, 'not-found')
  if (model.isAlive(one)) return rejects(act, 'invalid-argument')
  expect(await act()).toBe(1)
  signers.delete(one.identity.name)
  model.purge(one)
}, (one, { vault }) => vault.purge([one.identity]))

const purge = step('purge', async (model, { vault, signers }) => {
  if (model.isLocked) return rejects(() => vault.purge(), 'locked')
  const over = [...model.known.values()].filter(one => one.isPurged !== true && model.isOver(one))
  expect(await vault.purge()).toBe(over.length)
  for (const one of over) {
    model.purge(one)
    signers.delete(one.identity.name)
  }
})

const backup = (at: number, many: number): Step => step(`backup ${at} ${many}`, async (model, { vault }) => {
  const all = [...model.known.values()].slice(at, at + many)
  const act = () => vault.exportBackup(all.map(({ identity }) => identity), key(9))
  if (model.isLocked) return rejects(act, 'locked')
  if (!all.every(one => model.isAlive(one))) return rejects(act, 'not-found')
  model.backups.push({ bytes: await act(), names: all.map(({ identity }) => identity.name) })
})

const restore = (at: number, purged: 'refuse' | 'import'): Step => step(`restore ${at} ${purged}`, async (model, { vault, signers }) => {
  const found = model.backups[at % Math.max(1, model.backups.length)]
  if (found === undefined) return
  const act = () => vault.importBackup(found.bytes, key(9), { purged })
  if (model.isLocked) return rejects(act, 'locked')
  const expected = found.names.map(name => {
    const one = model.known.get(name) ?? expect.fail()
    if (model.isAlive(one)) return 'present'
    if (model.isKnown(one)) return 'deleted'
    if (purged === 'refuse') return 'purged'
    one.isPurged = false
    one.until = undefined
    signers.delete(name)
    return 'imported'
  })
  const imported = await act()
  expect(imported.map(({ outcome }) => outcome)).toEqual(expected)
  for (const { externalIdentity, outcome, claim } of imported) {
    expect(claim !== undefined).toBe(outcome === 'imported' || outcome === 'present')
    if (claim) expect(await vault.backend.adopt?.(externalIdentity, claim, signal)).toEqual({ params: 'Ed25519', capabilities: 'Commit', format: 'framed' })
  }
})

const rotate = step('rotate', async (model, { vault }) => {
  if (model.isLocked) await rejects(() => vault.rotate(), 'locked')
  else await vault.rotate()
})

const lock = step('lock', async (model, { vault }) => {
  await vault.lock()
  model.isLocked = true
})

const unlock = step('unlock', async (model, { vault }) => {
  await rejects(() => vault.unlock(key(100)), 'wrong-passphrase')
  await vault.unlock(key(model.password))
  model.isLocked = false
})

const restart = step('restart', async (model, real) => {
  await real.vault.close()
  real.signers.clear()
  real.vault = await real.disk.open({ unlock: key(model.password), undoPeriod: PERIOD })
  model.isLocked = false
})

const changePassphrase = step('change the passphrase', async (model, { vault }) => {
  const act = () => vault.changePassphrase(key(model.password), key(model.password % 90 + 1))
  if (model.isLocked) return rejects(act, 'locked')
  await act()
  model.password = model.password % 90 + 1
})

const tick = (by: number): Step => step(`${by} ms pass`, async (model, { disk }) => {
  model.now += by
  disk.time = model.now
})

const which = fc.nat({ max: 3 })
const generates = fc.constantFrom('a', 'b', 'c').map(generate)
const backups = fc.tuple(fc.nat({ max: 1 }), fc.integer({ min: 1, max: 2 })).map(([at, many]) => backup(at, many))
const restores = fc.tuple(which, fc.constantFrom<'refuse' | 'import'>('refuse', 'import', 'import')).map(([at, purged]) => restore(at, purged))
const unlocks = fc.constant(unlock)
const steps = [
  generates, generates, generates, which.map(open), which.map(remove), which.map(remove), which.map(undelete), which.map(purgeOne), fc.constant(purge),
  backups, backups, backups, restores, restores, restores, restores, fc.constant(rotate), fc.constant(lock), unlocks, unlocks, unlocks, fc.constant(restart),
  fc.constant(changePassphrase), fc.integer({ min: 1, max: 150 }).map(tick),
]

test('a vault has what was done to it, whatever that was and in whatever order', async () => {
  await fc.assert(fc.asyncProperty(fc.commands(steps, { maxCommands: 80, size: 'max' }), async commands => {
    await fc.asyncModelRun(async () => {
      const disk = new Disk()
      disk.time = 0
      return { model: new Model(), real: new Real(disk, await disk.open({ unlock: key(1), undoPeriod: PERIOD })) }
    }, commands)
  }), { numRuns: 150 })
}, 120_000)
