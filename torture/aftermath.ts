import { setTimeout as sleep } from 'node:timers/promises'
import { encrypt, IpseError } from '../src/index.ts'
import type { ExternalIdentity } from '../src/index.ts'
import { passphrase } from '../src/vault.ts'
import type { Vault } from '../src/vault.ts'
import { describe, toMade } from './doing.ts'
import type { Doing } from './doing.ts'
import type { State, Wrong } from './journal.ts'
import type { Model } from './model.ts'
import { commits, generated, opens, restore, undelete } from './operations.ts'
import { engineRows, held, unlocker } from './world.ts'
import type { World } from './world.ts'


/** Milliseconds that the engines have to end what a kill cut short. */
const PATIENCE = 10_000

/** How many of the identities that no operation was under way with are also connected to: it costs as much as all the rest. */
const PROBED = 0.4

/** Looks at everything after a kill, writes down what is wrong, and then what is there. Unless `isAwake`, it connects to nothing: identities stay dormant. */
export async function inspect(doing: Doing, opensWith: string, isAwake: boolean): Promise<void> {
  const { model, world } = doing
  const wrong = (what: Wrong, text: string) => doing.note({ entry: 'wrong', wrong: what, text })
  await settled(doing, wrong)
  await finishRestores(doing, wrong)
  await askAgain(doing, wrong)
  for (const name of model.identities.keys()) if (doing.random.chance(0.5) && await isHalfDeleted(doing, name)) await undelete(doing, name)
  const [vault, listed] = await Promise.all([held(world), world.owner.identities.list()])
  const live = new Set(listed.map(({ externalIdentity }) => externalIdentity.name))
  const known = await Promise.all([...model.identities].map(async ([name, { states, granted }]) => {
    const inVault = vault.get(name)
    const state: State = inVault === undefined ? 'gone' : inVault.isDeleted ? 'deleted' : 'live'
    if (live.has(name) !== (state === 'live')) wrong('halfThere', `${name} is ${state} in the vault, and ${live.has(name) ? '' : 'not '}listed`)
    else if (!states.has(state)) wrong(states.has('live') || state === 'gone' && !states.has('gone') ? 'lost' : 'resurrected', `${name} is ${state}, and not ${[...states].join(' or ')}`)
    const isProbed = isAwake && (model.touched.has(name) || states.size + granted.size > 2 || doing.random.chance(PROBED))
    const isGranted = isProbed ? await probe(doing, name, state, granted, wrong) : undefined
    return { name, state, ...isGranted !== undefined && { isGranted } }
  }))
  const pending = [...model.requests.values()].filter(({ name }) => name === undefined).length
  const strange = [...new Set([...vault.keys(), ...live])].filter(name => !model.identities.has(name))
  for (const name of strange) if (live.has(name) !== vault.has(name)) wrong('halfThere', `${name} is ${live.has(name) ? 'listed, and not in the vault' : 'in the vault, and not listed'}`)
  if (strange.length > pending) wrong('repeated', `${strange.length} identities that nobody was told of, of ${pending} requests`)
  for (const [file, name] of model.backups) await opens(doing, file, name).catch((error: unknown) => wrong('lost', `the backup ${file}: ${describe(error)}`))
  const messages = await countMessages(doing, wrong)
  doing.note({ entry: 'seen', identities: known, messages, passphrase: opensWith })
}

type Tell = (wrong: Wrong, text: string) => void

/** Answers which passphrase opens the vault; an empty one for none. */
export async function passphraseOf(vault: Vault, folder: string, { passphrases, replaced, isPassphraseChecked }: Model, wrong: Tell): Promise<string> {
  const [one = ''] = passphrases
  if (isPassphraseChecked) return one
  const opening: string[] = []
  for (const text of [...passphrases, ...replaced]) {
    if (text === '') continue
    await vault.lock()
    try {
      await vault.unlock(passphrase(text))
      opening.push(text)
    } catch (error) {
      if (!(error instanceof IpseError && error.code === 'wrong-passphrase')) throw error
      await vault.unlock(unlocker({ folder }))
    }
  }
  const [found = ''] = opening
  if (opening.length > 1) wrong('resurrected', `the vault opens with ${opening.join(' and with ')}`)
  else if (!passphrases.has(found)) wrong('lost', `the vault opens with "${found}", and not with ${[...passphrases].join(' or ')}`)
  return found
}

/** Waits until no task and no message is left of the former life, and looks whether each row is of an engine. */
async function settled({ world }: Doing, wrong: Tell): Promise<void> {
  const busy = async () => (await engineRows(world)).filter(({ kind }) => kind === 'task' || kind === 'message' || kind === 'ask')
  const until = performance.now() + PATIENCE
  while ((await busy()).length > 0 && performance.now() < until) await sleep(2)
  const left = await busy()
  if (left.length > 0) wrong('halfThere', `there is no end to ${left.map(({ engine, kind }) => `a ${kind} of ${engine}`).join(', ')}`)
  const rows = await engineRows(world)
  const whole = new Set(rows.filter(({ kind }) => kind === 'self').map(({ engine }) => engine))
  for (const { engine, kind } of rows) if (!whole.has(engine)) wrong('halfThere', `a row ${kind} of ${engine}, which is no engine`)
}

async function finishRestores(doing: Doing, wrong: Tell): Promise<void> {
  for (const [id, { file }] of doing.model.restoring) {
    try {
      await restore(doing, file)
      doing.note({ entry: 'done', id })
    } catch (error) {
      wrong('halfThere', `restoring ${file} again: ${describe(error)}`)
    }
  }
}

/** Asks again for what was not answered, but for some: that may be there or not, and is whole. */
async function askAgain(doing: Doing, wrong: Tell): Promise<void> {
  const { model, world } = doing
  const before = [...(await held(world)).keys()].filter(name => !model.identities.has(name))
  const open = [...model.requests].filter(([, { name }]) => name === undefined)
  const asked = open.filter(() => doing.random.chance(0.8))
  const names = new Set<string>()
  for (const [, { deed }] of asked) {
    try {
      const made = await generated(doing, deed)
      const { name } = made
      if (names.has(name)) wrong('repeated', `${name} is the identity of two requests`)
      names.add(name)
      const id = String(doing.number())
      doing.note({ entry: 'intent', id, deed })
      doing.note({ entry: 'done', id, made: toMade(made) })
    } catch (error) {
      wrong('halfThere', `asking again for ${deed.request}: ${describe(error)}`)
    }
  }
  const strange = before.filter(name => !names.has(name))
  if (strange.length > open.length - asked.length) wrong(open.length > 0 ? 'repeated' : 'halfThere', `${strange.join(', ')}: asked for again, ${asked.length} requests gave others`)
}

/** A delete that was not acknowledged took place: it can be taken back. */
async function isHalfDeleted({ model, world }: Doing, name: string): Promise<boolean> {
  const states = model.identities.get(name)?.states
  return states?.has('live') === true && states.has('deleted') && (await held(world)).get(name)?.isDeleted === true
}

/** Connects as both, and signs and decrypts. Answers whether it is granted, if that can be told. */
async function probe({ model, world }: Doing, name: string, state: State, granted: ReadonlySet<boolean>, wrong: Tell): Promise<boolean | undefined> {
  const identity = model.externalIdentity(name)
  if (state !== 'live') {
    const code = await codeOf(commits(world.owner, identity))
    if (code === undefined) wrong('resurrected', `${name} is ${state}, and signs`)
    if (state === 'gone' && await codeOf(world.owner.identities.undelete(identity)) === undefined) wrong('resurrected', `${name} is gone, and its delete is taken back`)
    return undefined
  }
  await commits(world.owner, identity).catch((error: unknown) => wrong('lost', `${name} is listed: ${describe(error)}`))
  await decrypts(world, identity).catch((error: unknown) => wrong('lost', `${name} does not decrypt: ${describe(error)}`))
  const code = await codeOf(commits(world.other, identity))
  if (code === undefined && !granted.has(true)) wrong('resurrected', `the grant of ${name} was revoked`)
  if (code !== undefined && (!granted.has(false) || code !== 'not-granted')) wrong('lost', `the grant of ${name}: ${code}`)
  return code === undefined
}

async function decrypts(world: World, identity: ExternalIdentity): Promise<void> {
  const { decrypt } = await world.owner.identities.connect(identity, 'Decrypt')
  const data = crypto.getRandomValues(new Uint8Array(8))
  if ((await decrypt(await encrypt(identity, data))).toString() !== data.toString()) throw new Error('it gives another plaintext')
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    return error instanceof IpseError ? error.code : describe(error)
  }
}

/** Answers which were counted. */
async function countMessages({ world, model }: Doing, wrong: Tell): Promise<readonly number[]> {
  const { counts } = await world.owner.client.ask(world.counter, { type: 'ReadRequest' })
  for (const { number, times } of counts) {
    if (!model.messages.has(number)) wrong('unexpected', `message ${number} was never posted`)
    if (times !== 1) wrong('repeated', `message ${number} was handled ${times} times`)
  }
  const counted = new Set(counts.map(({ number }) => number))
  for (const [number, isAcknowledged] of model.messages) if (isAcknowledged && !counted.has(number)) wrong('lost', `message ${number} was acknowledged`)
  return [...counted]
}

