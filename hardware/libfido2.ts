import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { PluggedKey } from './plugged-key.ts'
import type { Step } from './steps.ts'

const PIN = 'correct horse'
const RELYING_PARTY = 'example.org'

/** What libfido2's own programs do with an authenticator of ours, through the kernel. */
export function libfido2Steps(): readonly Step[] {
  let key: PluggedKey
  return [
    { name: 'an authenticator is plugged in', run: async () => { key = await PluggedKey.new() } },
    { name: 'fido2-token lists it', run: async () => assert.equal(await fido2('token', ['-L']), `${key.path}: vendor=0xf055, product=0x0001 ( )\n`) },
    { name: 'fido2-token reads what it can do', run: () => tellsWhatItIs(key.path) },
    { name: 'fido2-token sets a PIN', run: async () => void await fido2('token', ['-S', key.path], ['1234', '1234']) },
    { name: 'fido2-token changes the PIN', run: async () => void await fido2('token', ['-C', key.path], ['1234', PIN, PIN]) },
    { name: 'fido2-token is refused with the PIN before', run: () => assert.rejects(fido2('token', ['-L', '-r', key.path], ['1234']), /FIDO_ERR_PIN_INVALID/) },
    ...['es256', 'eddsa'].map(type => ({ name: `fido2-cred and fido2-assert make a credential of ${type}, and use it`, run: () => roundTrip(key.path, type) })),
    { name: 'fido2-token lists discoverable credentials', run: () => listsCredentials(key.path) },
    { name: 'it is unplugged, and fido2-token lists nothing', run: async () => {
      await key.unplug()
      assert.equal(await fido2('token', ['-L']), '')
    } },
    { name: 'it is plugged in again, and has kept its credentials', run: async () => {
      await key.plug()
      await listsCredentials(key.path)
      await key.unplug()
    } },
  ]
}

async function tellsWhatItIs(path: string): Promise<void> {
  const lines = (await fido2('token', ['-I', path])).split('\n').map(line => line.split(': '))
  const told = new Map(lines.map(([name = '', ...value]) => [name, value.join(': ')]))
  const expected = {
    caps: '0x0d (wink, cbor, nomsg)',
    'version strings': 'FIDO_2_0, FIDO_2_1',
    'extension strings': 'credProtect, hmac-secret',
    algorithms: 'es256 (public-key), eddsa (public-key)',
    options: 'rk, up, noplat, credMgmt, noclientPin, pinUvAuthToken, makeCredUvNotRqd, credentialMgmtPreview',
    maxmsgsiz: '7609',
    'pin protocols': '2, 1',
    'pin retries': '8',
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(told.get(name), value, name)
}

/** A credential with hmac-secret: made, verified, and asserting with the same secret for the same salt alone. */
async function roundTrip(path: string, type: string): Promise<void> {
  const clientDataHash = createHash('sha256').update(type).digest('base64')
  const [user, salt, otherSalt] = [Buffer.from(type).toString('base64'), randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
  const input = join(tmpdir(), `${type}.in`) // A file, since what follows on standard input is the PIN.
  await writeFile(input, `${[clientDataHash, RELYING_PARTY, type, user].join('\n')}\n`)
  const made = await fido2('cred', ['-M', '-h', '-r', '-i', input, path, type], [PIN])
  const verified = await fido2('cred', ['-V', '-h', type], [made])
  const [id = '', ...pem] = verified.split('\n')
  const keyFile = join(tmpdir(), `${type}.pem`)
  await writeFile(keyFile, pem.join('\n'))

  const asserted = async (someSalt: string): Promise<string | undefined> => {
    await writeFile(input, `${[clientDataHash, RELYING_PARTY, id, someSalt].join('\n')}\n`)
    const assertion = await fido2('assert', ['-G', '-h', '-p', '-v', '-i', input, path], [PIN])
    await fido2('assert', ['-V', '-h', '-p', '-v', keyFile, type], [assertion])
    const otherHash = createHash('sha256').update('other').digest('base64')
    await assert.rejects(fido2('assert', ['-V', '-h', '-p', '-v', keyFile, type], [assertion.replace(clientDataHash, otherHash)]), /fido_assert_verify/)
    return assertion.trim().split('\n').at(-1)
  }
  const [one, again, other] = [await asserted(salt), await asserted(salt), await asserted(otherSalt)]
  assert.equal(Buffer.from(one ?? '', 'base64').length, 32)
  assert.equal(again, one)
  assert.notEqual(other, one)
}

async function listsCredentials(path: string): Promise<void> {
  assert.match(await fido2('token', ['-L', '-r', path], [PIN]), /^00: \S+ example\.org$/m)
  const credentials = await fido2('token', ['-L', '-k', RELYING_PARTY, path], [PIN])
  assert.deepEqual(credentials.trim().split('\n').map(line => line.split(' ').at(4)).toSorted(), ['eddsa', 'es256'])
}

/** Answers what it prints. It has no terminal, so that it takes a PIN from the lines that it is given, after everything else. */
async function fido2(program: 'token' | 'cred' | 'assert', args: readonly string[], lines: readonly string[] = []): Promise<string> {
  const child = spawn(`fido2-${program}`, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => {}) // It need not read what it does not want.
  child.stdin.end(lines.map(line => line.endsWith('\n') ? line : `${line}\n`).join(''))
  const [[code], printed, complaint] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
  if (code !== 0) throw new Error(`fido2-${program} ${args.join(' ')} has ended with ${code}: ${complaint}`)
  return printed
}
