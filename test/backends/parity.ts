import { expect } from 'vitest'
import type { Backend, Capabilities, GenerateOptions } from '../../src/backends/backend.ts'
import type { ExternalIdentity } from '../../src/core/engine-id.ts'
import { IpseError } from '../../src/core/errors.ts'
import { encryptTo } from '../../src/crypto/ciphertext.ts'
import { verifyCommitment } from '../../src/crypto/commitment.ts'
import { schemes } from '../../src/crypto/suites.ts'

// What each backend can do, found out by having it done: the table in docs/backends.md is made of this, and the compliance suite holds backends to what they say.

/** One backend to look at. */
export interface Candidate {
  /** As it is called in the table. */
  readonly title: string
  readonly backend: Backend
  /** A backend over the same store, as another process would have it. */
  reopen?(): Backend | Promise<Backend>
  /** A backend of another place, into which a backup of that identity was restored. */
  restore?(identity: ExternalIdentity): Promise<Backend>
  /** How often somebody was asked to touch, or to approve. */
  asked?(): number | Promise<number>
  /** Lets a second authenticator decrypt for that identity, and leaves it alone with it. */
  enrol?(identity: ExternalIdentity): Promise<void>
}

const YES = 'yes'
const NO = '–'
const { signal } = new AbortController()
const data = new TextEncoder().encode('what the identity sees')
const KINDS: readonly (string | undefined)[] = [undefined, 'signature', 'assertion (CTAP)', 'assertion (WebAuthn)']

/** `–` where the backend says that it does not offer it. What it offers and then fails at is an error. */
async function unlessUnavailable(act: () => Promise<string>): Promise<string> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof IpseError && error.code === 'not-available') return NO
    throw error
  }
}

let keys = 0
function generate(backend: Backend, options: Partial<GenerateOptions> = {}): Promise<ExternalIdentity> {
  const [params = ''] = backend.params
  return Promise.resolve(backend.generate({ key: `parity ${keys++}`, params, capabilities: 'CommitAndDecrypt', ...options }, signal))
}

async function works(backend: Backend, identity: ExternalIdentity, capabilities: Capabilities): Promise<string> {
  if (capabilities !== 'Decrypt') {
    const signer = await backend.signer(identity, signal)
    expect(verifyCommitment(identity, data, await signer.sign(data, signal))).toBe(true)
    await signer.close()
  }
  if (capabilities !== 'Commit') {
    const decryptor = await backend.decryptor(identity, signal)
    expect(await decryptor.decrypt(await encryptTo(identity, data), signal)).toEqual(data)
    await decryptor.close()
  }
  return YES
}

/** Counts what somebody was asked meanwhile. */
async function askedFor({ asked }: Candidate, act: () => Promise<unknown>): Promise<string> {
  if (asked === undefined) return NO
  const before = await asked()
  await act()
  return await asked() > before ? YES : NO
}

type Row = readonly [title: string, find: (candidate: Candidate) => Promise<string>]

const ROWS: readonly Row[] = [
  ...schemes.map(({ params }): Row => [`\`${params}\``, ({ backend }) => unlessUnavailable(async () => works(backend, await generate(backend, { params }), 'CommitAndDecrypt'))]),
  ...(['Commit', 'Decrypt'] as const).map((capabilities): Row => [`\`${capabilities}\` alone`, ({ backend }) =>
    unlessUnavailable(async () => works(backend, await generate(backend, { capabilities }), capabilities))]),
  ['a commitment is', async ({ backend }) => {
    const signer = await backend.signer(await generate(backend, { capabilities: 'Commit' }), signal)
    return KINDS[(await signer.sign(data, signal))[1] ?? 0] ?? 'unknown'
  }],
  ['format `raw`', ({ backend }) => unlessUnavailable(async () => works(backend, await generate(backend, { format: 'raw' }), 'CommitAndDecrypt'))],
  ['signs digests as they are', ({ backend }) => unlessUnavailable(async () => {
    const signer = await backend.signer(await generate(backend, { params: 'Secp256k1', capabilities: 'Commit', format: 'raw' }), signal)
    return signer.signDigest === undefined ? NO : (expect(await signer.signDigest(new Uint8Array(32).fill(7), signal)).toHaveLength(65), YES)
  })],
  ['signs batches at once', async ({ backend }) => {
    const signer = await backend.signer(await generate(backend, { capabilities: 'Commit' }), signal)
    return signer.signBatch === undefined ? 'one by one' : (expect(await signer.signBatch([data, data], signal)).toHaveLength(2), YES)
  }],
  ['somebody is asked for each commitment', async candidate => {
    const signer = await candidate.backend.signer(await generate(candidate.backend, { capabilities: 'Commit' }), signal)
    return askedFor(candidate, async () => signer.sign(data, signal))
  }],
  ['somebody is asked for each decryption', async candidate => {
    const identity = await generate(candidate.backend, { capabilities: 'Decrypt' })
    const decryptor = await candidate.backend.decryptor(identity, signal)
    const ciphertext = await encryptTo(identity, data)
    return askedFor(candidate, async () => decryptor.decrypt(ciphertext, signal))
  }],
  ['a second authenticator can be enrolled to decrypt', async ({ backend, enrol }) => {
    if (enrol === undefined) return NO
    const identity = await generate(backend)
    await enrol(identity)
    return works(backend, identity, 'Decrypt')
  }],
  ['a delete can be taken back', async ({ backend }) => {
    const identity = await generate(backend)
    if (await backend.delete(identity, signal) === undefined) return NO
    await backend.undelete?.(identity, signal)
    return works(backend, identity, 'CommitAndDecrypt')
  }],
  ['can be restored from a backup', async ({ backend, restore }) => {
    if (restore === undefined) return NO
    const identity = await generate(backend)
    return works(await restore(identity), identity, 'CommitAndDecrypt')
  }],
  ['outlasts the process, with a store', async ({ backend, reopen }) => {
    if (reopen === undefined) return NO
    const identity = await generate(backend)
    return works(await reopen(), identity, 'CommitAndDecrypt')
  }],
]

/** What it can do, by the titles of the table's rows. */
export async function abilitiesOf(candidate: Candidate): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const [title, find] of ROWS) found.set(title, await find(candidate))
  return found
}

export type Table = ReadonlyMap<string, ReadonlyMap<string, string>>

/** Markdown. */
export function printTable(columns: Table): string {
  const lines = [['', ...columns.keys()], ['---', ...Array.from(columns, () => '---')], ...ROWS.map(([title]) => [title, ...Array.from(columns.values(), found => found.get(title) ?? '')])]
  return lines.map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

/** What a table that {@link printTable} made says. */
export function readTable(markdown: string): Table {
  const [head = [], , ...rows] = markdown.split('\n').filter(line => line.startsWith('| ')).map(line => line.slice(2, -2).split(' | '))
  return new Map(head.slice(1).map((title, i) => [title, new Map(rows.map(row => [row[0] ?? '', row[i + 1] ?? '']))]))
}
