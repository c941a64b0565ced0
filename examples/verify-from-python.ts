import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { identities, identityManagement, localMemory } from '../src/index.ts'
import { Missing } from './context.ts'
import type { Context } from './context.ts'

/** Python verifies an identity's commitments and encrypts to it, by its name and without this library. */
export async function verifyFromPython({ node, print, sequence }: Context): Promise<void> {
  const python = await Python.find()
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const me = await identities(node.client('alice'), im).generate({ params: 'Ed25519' })
  const { name } = me.externalIdentity
  const [data, otherData, secret] = ['ship v1', 'ship v2', 'meet at noon'].map(text => new TextEncoder().encode(text))
  assert(data && otherData && secret)

  const commitment = await sequence('Signing', () => me.commit(data))
  assert.equal(await python.verify(name, data, commitment), true)
  assert.equal(await python.verify(name, otherData, commitment), false)
  print('Python has verified it: it holds for "ship v1", and not for "ship v2".')

  const ciphertext = await python.encrypt(name, secret)
  const plaintext = await sequence('Decrypting what Python has encrypted', () => me.decrypt(ciphertext))
  assert.deepEqual(plaintext, secret)
  print('The plaintext is back.')
}

const page = readFileSync(new URL('../docs/other-languages.md', import.meta.url), 'utf8')
const program = Array.from(page.matchAll(/^```python\n([^]*?)^```$/gm), ([, block]) => block).join('\n')

/** The program of docs/other-languages.md, all of its blocks, run by a Python that has what it needs. */
export class Python {
  readonly #path: string

  private constructor(path: string) {
    this.#path = path
  }

  /** The first that has the module `cryptography`. Rejects with {@link Missing}. */
  static async find(): Promise<Python> {
    // Where several are installed, the first on the PATH may be one without the module that Debian gives its own.
    const found = await Promise.all(['python3', '/usr/bin/python3'].map(async path => {
      try {
        await promisify(execFile)(path, ['-c', 'import cryptography'])
        return new Python(path)
      } catch {
        return undefined
      }
    }))
    const python = found.find(each => each !== undefined)
    if (python) return python
    throw new Missing('This needs python3 with the module cryptography. On Debian: apt-get install python3-cryptography')
  }

  /** Rejects with what Python says of a name that is none. */
  async verify(name: string, data: Uint8Array, commitment: Uint8Array): Promise<boolean> {
    return await this.#run('verify', name, data, commitment) === 'True'
  }

  /** For an identity whose key an authenticator has. Rejects with what Python says of a bundle that is not of that name. */
  async verifyAssertion({ name, bundle = new Uint8Array(0) }: { readonly name: string; readonly bundle?: Uint8Array }, data: Uint8Array, commitment: Uint8Array): Promise<boolean> {
    return await this.#run('verify-assertion', name, bundle, data, commitment) === 'True'
  }

  async encrypt(name: string, plaintext: Uint8Array): Promise<Uint8Array> {
    return Uint8Array.from(Buffer.from(await this.#run('encrypt', name, plaintext), 'hex'))
  }

  async #run(command: string, name: string, ...given: readonly Uint8Array[]): Promise<string> {
    const running = promisify(execFile)(this.#path, ['-c', program, command, name], { maxBuffer: 1 << 22 })
    running.child.stdin?.end(given.map(bytes => `${Buffer.from(bytes).toString('hex')}\n`).join(''))
    return (await running).stdout.trim()
  }
}
