import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const PACKAGES = 'python3-fido2 and python3-cryptography'

/** The first Python that has what certify.py imports. */
async function findPython(): Promise<string | undefined> {
  // Where several are installed, the first on the PATH may be one without the modules that Debian gives its own.
  const found = await Promise.all(['python3', '/usr/bin/python3'].map(path => promisify(execFile)(path, ['-c', 'import cryptography, fido2.ctap2']).then(() => path, () => undefined)))
  return found.find(path => path !== undefined)
}

const python = await findPython()
const CERTIFY = join(import.meta.dirname, '..', '..', 'authenticator', 'certify.py')

/** What must be among the checks: a name, or how the names of several begin. */
const CHECKS = [
  'CTAPHID carries messages of every length',
  'getInfo tells what the device can do',
  ...['ES256', 'EdDSA'].flatMap(algorithm => ['not stored', 'discoverable'].map(kind => `a credential is made and asserts (${algorithm}, ${kind})`)),
  'discoverable credentials are told one by one, the newest first',
  'the exclude list excludes',
  ...['one', 'two'].flatMap(protocol => [
    `a PIN is set, verified and changed (protocol ${protocol})`,
    `three wrong PINs in a row need a power cycle, and eight end it (protocol ${protocol})`,
    `a token permits what it was asked for, where, and once (protocol ${protocol})`,
    `hmac-secret answers one salt and two (protocol ${protocol}, ES256)`,
    `hmac-secret answers one salt and two (protocol ${protocol}, EdDSA)`,
    `credentials are managed (protocol ${protocol}, CTAP 2.1)`,
  ]),
  ...[1, 2, 3].map(level => `credProtect hides credentials, the more the higher its level (${level})`),
  'a reset forgets everything, and is taken only after a power-up',
]

const missing = `This needs a Python with ${PACKAGES}. On Debian: apt-get install python3-fido2`
if (python !== undefined) {
  test('python3-fido2 finds the software authenticator to be one', { timeout: 180_000 }, async () => {
    const { stdout } = await promisify(execFile)(python, [CERTIFY, process.execPath]).catch((error: { readonly stdout: string; readonly stderr: string }) => {
      throw new Error(`${error.stdout}\n${error.stderr}`)
    })
    const lines = stdout.trim().split('\n')
    expect(lines.slice(0, -1).filter(line => !line.startsWith('ok     '))).toEqual([])
    expect(lines).toEqual(expect.arrayContaining(CHECKS.map(name => `ok     ${name}`)))
    expect(lines.at(-1)).toBe(`${lines.length - 1} of ${lines.length - 1} checks passed`)
  })
} else if (process.env['CI'] === 'true') test(missing, () => expect.fail(`CI must have ${PACKAGES}`))
else test.skip(missing)
