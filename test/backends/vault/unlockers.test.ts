import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { environmentKey } from '../../../src/backends/vault/node/environment-key.ts'
import { keyFile, newKeyFile } from '../../../src/backends/vault/node/key-file.ts'
import { promptPassphrase } from '../../../src/backends/vault/node/prompt-passphrase.ts'
import { passphrase } from '../../../src/backends/vault/passphrase.ts'
import { utf8 } from '../../crypto/sample-keys.ts'

const invalid = expect.objectContaining({ code: 'invalid-argument' })
const folder = await mkdtemp(join(tmpdir(), 'ipse-unlockers-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

/** What anyone could print of it, and its error. */
const shown = (value: unknown) => inspect(value, { depth: 10, showHidden: true, getters: true }) + (JSON.stringify(value) ?? '')

describe('a passphrase', () => {
  test.each([
    ['plain', 'correct horse', 'correct horse'],
    ['composed (NFC)', 'caf\u0065\u0301', 'caf\u00e9'],
    ['compatibility forms stay', '\uff21\u00aa', '\uff21\u00aa'],
    ['every space is one', 'a\u00a0b\u3000c\u2003d', 'a b c d'],
    ['spaces at the ends stay', ' a ', ' a '],
    ['case stays', 'Aa', 'Aa'],
    ['emoji', '🐎\u200d🔋', '🐎\u200d🔋'],
  ])('RFC 8265, section 4.2: %s', async (_what, typed, meant) => {
    expect(await passphrase(typed).secret()).toEqual(utf8(meant))
    expect(await passphrase(utf8(typed)).secret()).toEqual(utf8(meant))
  })

  test('is the same in whatever normal form it was typed, as text or as bytes', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), async text => {
      const secrets = await Promise.all([text, text.normalize('NFC'), text.normalize('NFD'), utf8(text.normalize('NFD'))].map(one => passphrase(one).secret()))
      expect(new Set(secrets.map(String)).size).toBe(1)
    }))
  })

  test.each([
    ['empty', ''], ['a line\'s end', 'secret\n'], ['a tab', 'a\tb'], ['zero', 'a\0'], ['DEL', 'a\u007f'], ['a lone surrogate', 'a\ud800'], ['unassigned', 'a\u0378'],
    ['too long', 'a'.repeat(1025)], ['too long in UTF-8', 'é'.repeat(513)], ['no bytes', new Uint8Array(0)], ['no UTF-8', Uint8Array.of(0x61, 0xff)],
    ['bytes with a line\'s end', utf8('secret\n')], ['a number', 5], ['nothing', undefined],
  ])('%s is refused, and not repeated', (_what, text) => {
    let error: unknown
    try {
      passphrase(text as string)
    } catch (caught) {
      error = caught
    }
    expect(error).toEqual(invalid)
    expect(String((error as Error).message)).not.toContain('secret')
  })

  test('of 1 KiB is not too long', async () => {
    expect((await passphrase('é'.repeat(512)).secret()).length).toBe(1024)
  })

  test('is a copy each time, of a copy', async () => {
    const bytes = utf8('secret')
    const unlocker = passphrase(bytes)
    bytes.fill(0)
    ;(await unlocker.secret()).fill(0)
    expect(await unlocker.secret()).toEqual(utf8('secret'))
    expect(unlocker.kind).toBe('passphrase')
  })

  test('is not shown', () => expect(shown(passphrase('very-secret'))).not.toMatch(/very-secret|118, 101/))
})

describe('a key file', () => {
  let n = 0
  const fresh = () => join(folder, `key-${n++}`)

  test('is made of 32 random bytes for its owner alone, and opens', async () => {
    const path = fresh()
    const unlocker = await newKeyFile(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const secret = await unlocker.secret()
    expect(secret).toEqual(new Uint8Array(await readFile(path)))
    expect(secret.length).toBe(32)
    expect(await keyFile(path).secret()).toEqual(secret)
    expect(keyFile(path).kind).toBe('key-file')
    const other = fresh()
    expect(await (await newKeyFile(other)).secret()).not.toEqual(secret)
  })

  test('is never overwritten', async () => {
    const path = fresh()
    await writeFile(path, 'mine')
    await expect(newKeyFile(path)).rejects.toEqual(invalid)
    expect(await readFile(path, 'utf8')).toBe('mine')
    await expect(newKeyFile(join(folder, 'no', 'folder'))).rejects.toMatchObject({ code: 'store-failed', cause: { code: 'ENOENT' } })
  })

  test('is not made of too few random bytes', async () => {
    await expect(newKeyFile(fresh(), () => new Uint8Array(31))).rejects.toEqual(invalid)
  })

  test.each([0, 31, 33, 64])('of %i bytes is refused', async length => {
    const path = fresh()
    await writeFile(path, new Uint8Array(length), { mode: 0o600 })
    await expect(keyFile(path).secret()).rejects.toEqual(invalid)
  })

  test.each([0o640, 0o604, 0o620, 0o601])('of mode %o is refused, with the remedy', async mode => {
    const path = fresh()
    await newKeyFile(path)
    await chmod(path, mode)
    await expect(keyFile(path).secret()).rejects.toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('chmod 600') })
  })

  test('that is absent is not available', async () => {
    await expect(keyFile(fresh()).secret()).rejects.toMatchObject({ code: 'not-available', cause: { code: 'ENOENT' } })
    await expect(keyFile(folder).secret()).rejects.toMatchObject({ code: expect.stringMatching('not-available|invalid-argument') })
  })
})

describe('a key of the environment', () => {
  const variable = 'IPSE_TEST_VAULT_KEY'
  afterEach(() => {
    delete process.env[variable]
  })

  test('is base64url of 32 bytes, read when it is needed', async () => {
    const unlocker = environmentKey(variable)
    await expect(unlocker.secret()).rejects.toMatchObject({ code: 'not-available' })
    for (const byte of [0, 255, 0xfb]) {
      const key = new Uint8Array(32).fill(byte)
      process.env[variable] = Buffer.from(key).toString('base64url')
      expect(await unlocker.secret()).toEqual(key)
    }
    expect(unlocker.kind).toBe('environment')
  })

  const good = Buffer.alloc(32, 0xfb).toString('base64url')
  test.each(['', 'A'.repeat(42), `${good}=`, `${good}\n`, good.replaceAll('_', '/').replaceAll('-', '+'), `${good.slice(0, -1)}9`, 'A'.repeat(44), `SECRET${good.slice(7)}`.replace('R', '!')])(
    'what is something else is refused, and not repeated: %j', async text => {
      process.env[variable] = text
      const error: unknown = await environmentKey(variable).secret().catch((caught: unknown) => caught)
      expect(error).toEqual(invalid)
      if (text !== '') expect(shown(error)).not.toContain(text)
    })

  test('is not shown', () => {
    process.env[variable] = good
    expect(shown(environmentKey(variable))).not.toContain(good)
  })
})

describe('a passphrase asked for at the terminal', () => {
  /** A terminal as readline sees it. */
  function terminal(isTTY = true) {
    const input = Object.assign(new PassThrough(), { isTTY, setRawMode: () => {} })
    const output = new PassThrough()
    return { input, output, printed: () => String(output.read() ?? '') }
  }

  test('is taken up to the end of the line, and not shown', async () => {
    const { input, output, printed } = terminal()
    const secret = promptPassphrase('Passphrase: ', { input, output }).secret()
    input.write('corrEct')
    input.write(' hoX\u007frse\r')
    expect(await secret).toEqual(utf8('corrEct horse'))
    expect(printed()).toBe('Passphrase: \n')
  })

  test('is asked for anew each time', async () => {
    const { input, output } = terminal()
    const unlocker = promptPassphrase('? ', { input, output })
    for (const text of ['one', 'two']) {
      const secret = unlocker.secret()
      input.write(`${text}\r`)
      expect(await secret).toEqual(utf8(text))
    }
  })

  test.each([['Ctrl-C', '\u0003'], ['Ctrl-D', '\u0004']])('%s ends it', async (_what, key) => {
    const { input, output } = terminal()
    const secret = promptPassphrase('? ', { input, output }).secret()
    input.write(`${key}`)
    await expect(secret).rejects.toMatchObject({ code: 'not-available' })
  })

  test('an empty one is refused', async () => {
    const { input, output } = terminal()
    const secret = promptPassphrase('? ', { input, output }).secret()
    input.write('\r')
    await expect(secret).rejects.toEqual(invalid)
  })

  test('without a terminal nobody is asked', async () => {
    const { input, output, printed } = terminal(false)
    await expect(promptPassphrase('? ', { input, output }).secret()).rejects.toMatchObject({ code: 'not-available' })
    expect(printed()).toBe('')
  })
})
