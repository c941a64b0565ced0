import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encrypt, parseExternalIdentity, verify } from '../src/index.ts'
import type { ExternalIdentity } from '../src/index.ts'
import { PluggedKey } from './plugged-key.ts'
import type { Step } from './steps.ts'
import { run } from './tools.ts'

const PROGRAM = join(import.meta.dirname, '../examples/ipse-hid.ts')
const DATA = 'ship v1'
const utf8 = (text: string) => new TextEncoder().encode(text)
const fromText = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'))

/** What somebody does by hand with `ipse-hid`, and a key that verifies them by itself. */
export function ipseHidSteps(): readonly Step[] {
  let store = ''
  let key: PluggedKey
  let identity: ExternalIdentity
  const ipseHid = async (...args: readonly string[]) => (await run(process.execPath, [PROGRAM, ...args, '--store', store])).trim()
  return [
    { name: 'ipse-hid lists the key', run: async () => {
      store = join(await mkdtemp(join(tmpdir(), 'ipse-hid-')), 'store')
      key = await PluggedKey.new({ builtInUv: true })
      assert.match(await ipseHid('list'), new RegExp(`^${key.path} `, 'm'))
    } },
    { name: 'ipse-hid enrols', run: async () => {
      const [, name = '', bundle = ''] = /^identity (\S+)\nbundle (\S+)$/m.exec(await ipseHid('enrol', '--params', 'Ed25519')) ?? []
      identity = parseExternalIdentity(name, fromText(bundle))
    } },
    { name: 'ipse-hid signs', run: async () => assert(await verify(identity, utf8(DATA), fromText(await ipseHid('sign', DATA)))) },
    { name: 'ipse-hid decrypts', run: async () => assert.equal(await ipseHid('decrypt', Buffer.from(await encrypt(identity, utf8(DATA))).toString('base64url')), DATA) },
    { name: 'ipse-hid deletes', run: async () => {
      assert.equal(await ipseHid('delete'), `deleted ${identity.name}`)
      await key.unplug()
    } },
  ]
}
