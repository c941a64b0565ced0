import { mkdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { createNode, encrypt, IpseError, parseExternalIdentity, verify } from '../src/index.ts'
import type { ExternalIdentity, Node } from '../src/index.ts'
import { openHid } from '../src/hid.ts'
import type { Hid } from '../src/hid.ts'
import { lmdbStore } from '../src/lmdb.ts'

// Identities on a FIDO2 device, by hand: `node examples/ipse-hid.ts list`.

const USAGE = `usage: node examples/ipse-hid.ts COMMAND [ARGUMENT] [options]

  list                      the devices that are plugged in, and the identities that are known here
  info                      what a device says of itself
  pin                       sets or changes the PIN of a device
  enrol                     makes an identity on a device; with --identity, lets another device decrypt for it
  sign DATA                 commits to a text, or to --file
  verify DATA COMMITMENT    needs no device
  encrypt DATA              to the identity; needs no device
  decrypt CIPHERTEXT
  credentials               the devices of the identity; with --device, what a device keeps; with --remove ID, takes one out, also when it is lost with --forget
  delete                    deletes the identity; with --forget, also when its device is lost

options
  --identity NAME   its name, or how that begins; with one identity alone it is that. What "verify" and "encrypt" need is the name and --bundle.
  --bundle BYTES    of an identity that is not known here, as "enrol" told it
  --params P256     or Ed25519
  --capabilities CommitAndDecrypt, Commit or Decrypt
  --resident        the device keeps the credential
  --without-pin     commitments need a touch, and no PIN
  --file PATH       in place of DATA
  --store FOLDER    where it is kept which identities there are: ~/.ipse-hid

Bytes are written in base64url.`

const base64url = { encode: (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url'), decode: (text: string) => new Uint8Array(Buffer.from(text, 'base64url')) }

const options = {
  identity: { type: 'string' }, bundle: { type: 'string' }, params: { type: 'string', default: 'P256' }, capabilities: { type: 'string', default: 'CommitAndDecrypt' }, file: { type: 'string' }, remove: { type: 'string' },
  store: { type: 'string', default: join(homedir(), '.ipse-hid') },
  resident: { type: 'boolean', default: false }, 'without-pin': { type: 'boolean', default: false }, device: { type: 'boolean', default: false }, forget: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** Arguments that can't be right. */
class Usage extends Error {}

function parse() {
  try {
    const { values, positionals: [command, ...rest] } = parseArgs({ options, allowPositionals: true })
    return { ...values, command, rest }
  } catch (error) {
    throw new Usage(error instanceof Error ? error.message : 'The arguments cannot be read')
  }
}
type Arguments = ReturnType<typeof parse>

interface Scene extends Arguments {
  readonly hid: Hid
  readonly node: Node
}

const signal = AbortSignal.timeout(600_000)

async function identityOf({ identity, bundle, hid }: Scene): Promise<ExternalIdentity> {
  if (identity !== undefined && bundle !== undefined) return parseExternalIdentity(identity, base64url.decode(bundle))
  const known = (await hid.identities()).filter(({ name }) => name.startsWith(identity ?? ''))
  const [only, another] = known
  if (only === undefined) throw new Usage(identity === undefined ? 'No identity is known here: make one with "enrol"' : `No identity is known here whose name begins with ${identity}`)
  if (another !== undefined) throw new Usage(`Which one? --identity ${known.map(({ name }) => name).join(', or ')}`)
  return only
}

async function dataOf({ file, rest: [text] }: Arguments): Promise<Uint8Array> {
  if (file !== undefined) return readFile(file)
  if (text === undefined) throw new Usage('What? Give a text, or --file')
  return new TextEncoder().encode(text)
}

function bytesOf(text: string | undefined, what: string): Uint8Array {
  if (text === undefined) throw new Usage(`Give the ${what}, in base64url`)
  return base64url.decode(text)
}

function oneOf<const T extends string>(value: string, all: readonly T[]): T {
  const found = all.find(one => one === value)
  if (found === undefined) throw new Usage(`${value} is none of ${all.join(', ')}`)
  return found
}

const commands: { readonly [command: string]: (scene: Scene) => Promise<void> } = {
  async list({ hid }) {
    const devices = await hid.devices()
    if (devices.length === 0) console.log('No FIDO device is plugged in, or none that this process may see.')
    for (const { path, manufacturer = '', product = 'FIDO device' } of devices) console.log(`${path}  ${shown(manufacturer)} ${shown(product)}`)
    for (const { name } of await hid.identities()) console.log(`identity ${name}`)
  },

  async info({ hid }) {
    console.log(JSON.stringify(await hid.info(signal), undefined, 2))
  },

  async pin({ hid }) {
    const { options: { clientPin = false } } = await hid.info(signal)
    const old = clientPin ? await ask('The PIN that it has: ') : undefined
    const pin = await ask('The new PIN: ')
    if (await ask('The new PIN again: ') !== pin) throw new Usage('They differ: nothing was changed')
    await hid.setPin(pin, old, signal)
    console.log(clientPin ? 'The PIN was changed.' : 'The PIN was set.')
  },

  async enrol(scene) {
    const { hid, node, identity, params, capabilities } = scene
    if (identity !== undefined) return console.log(`enrolled ${await hid.enrol(await identityOf(scene), signal)}`)
    const asked = { key: crypto.randomUUID(), params: oneOf(params, ['P256', 'Ed25519']), capabilities: oneOf(capabilities, ['CommitAndDecrypt', 'Commit', 'Decrypt']) }
    const { name, bundle } = await hid.backend.generate(asked, signal, node.client('ipse-hid').id)
    console.log(`identity ${name}${bundle === undefined ? '' : `\nbundle ${base64url.encode(bundle)}`}`)
  },

  async sign(scene) {
    const signer = await scene.hid.backend.signer(await identityOf(scene), signal)
    console.log(base64url.encode(await signer.sign(await dataOf(scene), signal, scene.node.client('ipse-hid').id)))
  },

  async verify(scene) {
    const isGood = await verify(await identityOf(scene), await dataOf(scene), bytesOf(scene.rest.at(scene.file === undefined ? 1 : 0), 'commitment'))
    console.log(isGood ? 'good' : 'bad')
    if (!isGood) process.exitCode = 1
  },

  async encrypt(scene) {
    console.log(base64url.encode(await encrypt(await identityOf(scene), await dataOf(scene))))
  },

  async decrypt(scene) {
    const decryptor = await scene.hid.backend.decryptor(await identityOf(scene), signal)
    const plaintext = await decryptor.decrypt(bytesOf(scene.rest[0], 'ciphertext'), signal, scene.node.client('ipse-hid').id)
    if ('code' in plaintext) throw new Usage(plaintext.err)
    process.stdout.write(plaintext)
    process.stdout.write('\n')
  },

  async credentials(scene) {
    const { hid, device, remove } = scene
    if (remove !== undefined) return hid.remove(await identityOf(scene), remove, { lost: scene.forget, signal })
    console.table(device ? await hid.residents(signal) : await hid.credentials(await identityOf(scene)))
  },

  async delete(scene) {
    const identity = await identityOf(scene)
    await (scene.forget ? scene.hid.forget(identity) : scene.hid.backend.delete(identity, signal))
    console.log(`deleted ${identity.name}`)
  },
}

/** A device calls itself what it likes: nothing of that moves the cursor. */
function shown(text: string): string {
  return text.replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '?').slice(0, 80)
}

/** A line that is typed unseen. */
async function ask(question: string): Promise<string> {
  if (!process.stdin.isTTY) throw new Usage('There is no terminal to ask for a PIN at')
  process.stderr.write(question)
  const lines = createInterface({ input: process.stdin, terminal: true, historySize: 0 })
  // Ctrl-D closes it, and then no line comes any more.
  const ended = new Promise<undefined>(resolve => void lines.once('close', () => resolve(undefined)))
  try {
    const answer = await Promise.race([lines.question('').catch(() => undefined), ended])
    if (answer === undefined) throw new Usage('No PIN was entered: nothing was changed')
    return answer
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}

async function main(): Promise<void> {
  const given = parse()
  const command = given.command !== undefined && Object.hasOwn(commands, given.command) ? commands[given.command] : undefined
  if (given.help) return console.log(USAGE)
  if (command === undefined) throw new Usage(given.command === undefined ? 'What is to be done?' : `There is no command ${given.command}`)
  await mkdir(given.store, { recursive: true })
  const store = await lmdbStore({ path: join(given.store, 'store') })
  try {
    await using node = await createNode({ askDeadline: 600_000 })
    await using hid = await openHid(node, { store, resident: given.resident, userVerification: !given['without-pin'] })
    await command({ ...given, hid, node })
  } finally {
    await store.close()
  }
}

try {
  await main()
} catch (error) {
  if (!(error instanceof Usage || error instanceof IpseError)) throw error
  console.error(error instanceof IpseError ? `${error.code}: ${error.message}` : `${error.message}\n--help tells more.`)
  process.exitCode = error instanceof Usage ? 2 : 1
}
