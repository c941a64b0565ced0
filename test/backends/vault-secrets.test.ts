import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { decodeKeyslots } from '../../src/backends/vault/keyslot-format.ts'
import { openKeyslots } from '../../src/backends/vault/keyslots.ts'
import { IDENTITIES } from '../../src/backends/vault/rows.ts'
import { openSealedVault } from '../../src/backends/vault/vault.ts'
import type { Vault, VaultOptions } from '../../src/backends/vault/vault.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { suiteByParams } from '../../src/crypto/suites.ts'
import { createNode, encrypt, identities, identityManagement } from '../../src/index.ts'
import type { Observed, Store } from '../../src/index.ts'
import { lmdbStore } from '../../src/lmdb.ts'
import { environmentKey, fileKeyslots, keyFile, newKeyFile, passphrase } from '../../src/vault.ts'
import { everythingOf, found } from '../looking.ts'
import type { Secret } from '../looking.ts'
import { describeLmdb, newFolder } from '../stores/places.ts'

// No secret of a vault is anywhere but in the memory of its process: not in what it stores, shows, says or throws.

const WINDOW = 16
const params = ['Ed25519', 'Secp256k1', 'P256', 'BLS', 'MLDSA65'] as const
const utf8 = (text: string) => new TextEncoder().encode(text)
const PASSPHRASE = 'a passphrase that nobody writes down'
const WRONG = 'another one, which does not open it'
const BACKUP = 'what the backup is sealed with here'
const PLAINTEXT = 'the canary sings at 04:17, and nobody writes it down'
/** Argon2id at its least. */
const argon2 = { memory: 19_456, passes: 2, lanes: 1 }

/** Every part of that length. */
function windowsOf({ name, bytes }: Secret): readonly Secret[] {
  return Array.from({ length: bytes.length - WINDOW + 1 }, (_, at) => ({ name: `${name}, from ${at}`, bytes: bytes.subarray(at, at + WINDOW) }))
}

/** Which secrets a file has: any of their windows, as bytes, in UTF-16, hex, or base64. */
function inFile(file: Buffer, secrets: readonly Secret[]): readonly string[] {
  const folded = Buffer.from(file.toString('latin1').toLowerCase(), 'latin1')
  return secrets.flatMap(windowsOf).flatMap(({ name, bytes }) => {
    const buffer = Buffer.from(bytes)
    const base64 = [0, 1, 2].map(at => Buffer.concat([Buffer.alloc(at), buffer]).toString('base64').slice(at === 0 ? 0 : at + 1, -3))
    const forms = [buffer, Buffer.from(buffer.toString('latin1'), 'utf16le'), ...base64, ...base64.map(text => text.replaceAll('+', '-').replaceAll('/', '_'))]
    return forms.some(form => file.includes(form)) || folded.includes(buffer.toString('hex')) ? [name] : []
  })
}

await describeLmdb('a sealed vault over LMDB, with durable Identity Management', () => {
  const drawn: { readonly array: Uint8Array; readonly bytes: Uint8Array }[] = []
  const random = (length: number): Uint8Array => {
    const array = randomBytes(length)
    if (length >= 32) drawn.push({ array, bytes: array.slice() })
    return array
  }
  const secrets: Secret[] = [PASSPHRASE, WRONG, BACKUP, PLAINTEXT].map(text => ({ name: text, bytes: utf8(text) }))
  const seen = new Map<string, unknown>()
  const files = new Map<string, Buffer>()
  const errors: unknown[] = []
  const events: Observed[] = []
  const written: string[] = []
  let left: readonly Uint8Array[] = []
  let remove = async (): Promise<void> => {}

  async function fail(code: string, act: () => unknown): Promise<void> {
    const error: unknown = await (async () => act())().then(() => expect.fail(`nothing failed with ${code}`), (thrown: unknown) => thrown)
    expect(error).toMatchObject({ code })
    errors.push(error)
  }

  beforeAll(async () => {
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write.bind(stream)
      vi.spyOn(stream, 'write').mockImplementation((chunk: string | Uint8Array) => {
        written.push(Buffer.from(chunk).toString('latin1'))
        return write(chunk)
      })
    }
    for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) vi.spyOn(console, method).mockImplementation((...all: unknown[]) => void written.push(everythingOf(all)))
    const place = await newFolder()
    remove = place.remove
    const folder = dirname(place.path)
    const store = await lmdbStore({ path: place.path })
    const file = fileKeyslots(join(folder, 'keyslots'))
    const unlock = passphrase(PASSPHRASE)
    const open = (options: Partial<VaultOptions> = {}): Promise<Vault> =>
      openSealedVault({ store, keyslots: file, unlock, argon2, ...options }, { random, now: Date.now })

    const vault = await open()
    const node = await createNode({ store })
    node.observe(event => events.push(event))
    const [alice, bob] = [node.client('alice'), node.client('bob')]
    const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [vault.backend] } })
    const mine = []
    for (const one of params) mine.push(await identities(alice, im).generate({ params: one }))
    const [first] = mine
    if (first === undefined) return expect.fail()
    const ciphertext = await encrypt(first.externalIdentity, utf8(PLAINTEXT))
    for (const identity of mine) {
      await identity.commit(utf8('data'))
      expect(Buffer.from(await identity.decrypt(await encrypt(identity.externalIdentity, utf8(PLAINTEXT)))).toString()).toBe(PLAINTEXT)
    }
    const keyPath = join(folder, 'key')
    const key = await newKeyFile(keyPath, random)
    await vault.addSlot(key)
    await vault.rotate()
    const backup = await vault.exportBackup(mine.map(({ externalIdentity }) => externalIdentity), passphrase(BACKUP))
    const signer = await vault.backend.signer(first.externalIdentity, new AbortController().signal)
    const decryptor = await vault.backend.decryptor(first.externalIdentity, new AbortController().signal)
    const keyslots = await openKeyslots(file, { random, now: Date.now })
    const shown = { vault, backend: vault.backend, signer, decryptor, keyslots, unlock, key, file, node, alice, first, im }
    for (const [name, value] of Object.entries(shown)) seen.set(`${name}, unlocked`, everythingOf(value))

    // What goes wrong.
    await fail('wrong-passphrase', () => open({ unlock: passphrase(WRONG) }))
    await fail('wrong-passphrase', () => vault.unlock(passphrase(WRONG)))
    await fail('wrong-passphrase', () => vault.changePassphrase(passphrase(WRONG), passphrase(PASSPHRASE)))
    vi.stubEnv('IPSE_TEST_KEY', PASSPHRASE)
    const before = drawn.length
    await fail('invalid-argument', () => vault.addSlot(environmentKey('IPSE_TEST_KEY')))
    await fail('not-available', () => vault.addSlot(keyFile(join(folder, 'none'))))
    // The salts of the slots that there are not.
    drawn.length = before
    await fail('invalid-argument', () => passphrase(`${PASSPHRASE}\n`))
    await fail('wrong-passphrase', () => vault.importBackup(backup, passphrase(WRONG)))
    await fail('wrong-passphrase', () => vault.importBackup(backup, key))
    await fail('backup-damaged', () => vault.importBackup(backup.map((byte, i) => i === 99 ? byte ^ 1 : byte), passphrase(BACKUP)))
    await fail('decryption-failed', () => first.decrypt(ciphertext.map((byte, i) => i === 60 ? byte ^ 1 : byte)))
    await fail('not-granted', () => identities(bob, im).connect(first.externalIdentity, 'Decrypt'))
    bob.tell(first.decryptionEngine, { type: 'DecryptionRequest', data: ciphertext })
    const full: Store = { ...withMethods(store), write: () => Promise.reject(new TypeError('no space')) }
    const failing = await open({ store: full })
    await fail('store-failed', () => failing.backend.generate({ key: 'lost', params: 'Ed25519', capabilities: 'Commit' }, new AbortController().signal))
    seen.set('a vault that failed', everythingOf([failing, failing.backend]))
    await failing.close()
    const broken: Store = { ...withMethods(store), async *range(range) {
      for await (const row of store.range(range)) yield Buffer.compare(row.key, IDENTITIES.from) >= 0 && Buffer.compare(row.key, IDENTITIES.to) < 0 ? { ...row, value: row.value.map((byte, i) => i === 80 ? byte ^ 1 : byte) } : row
    } }
    await fail('vault-damaged', () => open({ store: broken }))
    await vault.lock()
    await fail('backend-failed', () => first.commit(utf8('data')))
    await fail('backend-failed', () => first.decrypt(ciphertext))
    await fail('locked', () => signer.sign(utf8('data'), new AbortController().signal))
    await fail('locked', () => decryptor.decrypt(ciphertext, new AbortController().signal))
    await fail('locked', () => vault.exportBackup([first.externalIdentity], passphrase(BACKUP)))
    for (const [name, value] of Object.entries(shown)) seen.set(`${name}, locked`, everythingOf(value))
    left = drawn.map(({ array }) => array)

    // What lies on the disk while all is there: the key file holds its key.
    const salts = new Set(decodeKeyslots(await file.read() ?? new Uint8Array()).slots.map(({ salt }) => Buffer.from(salt).toString('hex')))
    for (const [i, { bytes }] of drawn.entries()) {
      if (salts.has(Buffer.from(bytes).toString('hex'))) continue
      secrets.push({ name: `draw ${i}`, bytes })
      secrets.push({ name: `draw ${i}, expanded`, bytes: createHash('sha512').update(bytes).digest() })
      if (bytes.length > 32) for (const one of ['Secp256k1', 'P256', 'BLS']) secrets.push({ name: `draw ${i}, ${one}`, bytes: suiteByParams(one)?.generate(() => bytes.slice()) ?? bytes })
    }
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile() && path !== keyPath) files.set(path.slice(folder.length), await readFile(path))
    }
    files.set('backup', Buffer.from(backup)).set('console', Buffer.from(written.join('\n'), 'latin1'))
    await vault.unlock(key)
    for (const identity of mine) await identity.delete()
    await vault.purge(mine.map(({ externalIdentity }) => externalIdentity))
    await fail('not-found', () => first.delete())
    await vault.close()
    await node.stop()
    await store.close()
    seen.set('at the end', everythingOf([vault, node, mine]))
    for (const name of await readdir(place.path)) files.set(`${name}, purged`, await readFile(join(place.path, name)).catch(() => Buffer.alloc(0)))
  })

  afterAll(async () => {
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
    await remove()
  })

  test('S42: writes no secret to a file, a backup or the console', () => {
    expect([...files.keys()].filter(name => /mdb$|keyslots$|backup/.test(name)).length).toBeGreaterThanOrEqual(4)
    for (const [name, file] of files) expect(inFile(file, secrets), name).toEqual([])
  })

  test('shows none in what it holds', () => {
    for (const [name, text] of seen) expect(found(String(text), secrets), name).toEqual([])
  })

  test('throws none, nor is one observed', () => {
    expect(errors.length).toBeGreaterThanOrEqual(18)
    for (const error of errors) expect(found(everythingOf(error), secrets), String(error)).toEqual([])
    expect(events.some(({ kind }) => kind === 'dead-letter')).toBe(true)
    expect(found(events.map(everythingOf).join('\n'), secrets)).toEqual([])
  })

  test('keeps none of what was drawn once it is locked', () => {
    const kept = left.filter((array, i) => array.some(byte => byte !== 0) && secrets.some(({ name }) => name === `draw ${i}`))
    expect(secrets.filter(({ name }) => /^draw \d+$/.test(name)).length).toBeGreaterThanOrEqual(14)
    expect(kept).toEqual([])
  })

  test('and one that was planted would have been found', () => {
    for (const { name, bytes } of secrets) {
      const part = Buffer.from(bytes.subarray(3, 3 + WINDOW))
      for (const text of [part, Buffer.from(part.toString('latin1'), 'utf16le'), part.toString('hex'), part.toString('base64')]) {
        expect(inFile(Buffer.concat([Buffer.from('before'), Buffer.from(text), Buffer.from('after')]), secrets), name).toContain(`${name}, from 3`)
      }
      expect(found(everythingOf(new Error('a', { cause: new Error('b', { cause: { deep: bytes.slice(0) } }) })), secrets)).toContain(name)
    }
  })
})

/** A store's methods, as those of an object that can be spread. */
function withMethods(store: Store): Store {
  return {
    capabilities: store.capabilities,
    get: key => store.get(key), range: range => store.range(range), write: changes => store.write(changes), close: () => store.close(),
  }
}
