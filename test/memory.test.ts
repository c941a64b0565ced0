import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { run } from '../scripts/command.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const counts = z.array(z.object({
  path: z.enum(['native', 'portable']), end: z.enum(['lock', 'delete']), at: z.string(), label: z.string(), secrets: z.number(), whole: z.number(), halves: z.number(),
}))
const held = z.array(z.object({ path: z.string(), end: z.string(), arrays: z.array(z.string()), texts: z.array(z.string()) }))
const report = z.object({ counts, held })

const name = 'npm run memory'
if (process.platform === 'linux' || process.env['CI'] === 'true') describe(name, looks)
else test.skip(`${name}: only Linux has /proc/<pid>/mem to read the memory of a program from`)

function looks(): void {
  let seen: z.output<typeof report>
  const collected = () => seen.counts.filter(({ at, label }) => at === 'collected' && !label.startsWith('plant: '))
  const allowed = (end: string) => end === 'delete' ? ['new root key'] : []

  beforeAll(async () => {
    const { succeeded, output, all } = await run(process.execPath, ['memory/run.ts', '--identities', '1', '--uses', '2', '--json'], root)
    expect(succeeded, all).toBe(true)
    seen = report.parse(JSON.parse(output))
  }, 300_000)

  test('finds what was planted, in each form, and nothing of what was erased', () => {
    for (const path of ['native', 'portable']) {
      const planted = new Map(seen.counts.filter(count => count.path === path && count.at === 'in use' && count.label.startsWith('plant: ')).map(count => [count.label.slice(7), count]))
      expect([...planted.keys()].toSorted()).toEqual(['array', 'half', 'large array', 'nowhere', 'number', 'pooled buffer', 'text', 'two-byte text'])
      for (const [form, { whole, halves }] of planted) expect([form, whole > 0, whole + halves > 0]).toEqual([form, form !== 'half' && form !== 'nowhere', form !== 'nowhere'])
    }
    for (const { arrays, texts } of seen.held) {
      expect(arrays).toEqual(expect.arrayContaining(['plant: array', 'plant: large array', 'plant: pooled buffer', 'plant: half']))
      expect(texts).toEqual(expect.arrayContaining(['plant: text', 'plant: two-byte text']))
    }
  })

  test('finds the keys that are in use', () => {
    const inUse = (label: string) => seen.counts.filter(count => count.at === 'in use' && count.label === label).map(({ whole }) => whole > 0)
    for (const label of ['root key', 'signing key: Ed25519', 'signing key: Secp256k1', 'encryption key: Ed25519']) expect(inUse(label), label).toEqual([true, true])
  })

  test('finds no secret in an array or a text that lives after a lock, or after a delete and a purge but the root key in use', () => {
    for (const { end, arrays, texts } of seen.held) {
      expect([...arrays, ...texts].filter(label => !label.startsWith('plant: ') && !allowed(end).includes(label))).toEqual([])
    }
  })

  test('finds no root key, nor what is derived of it, anywhere once it is locked', () => {
    const own = collected().filter(({ end, label }) => end === 'lock' && /root key|voucher|seed of a keyslot|key file/.test(label))
    expect(own.length).toBe(10)
    expect(own.filter(({ whole }) => whole > 0)).toEqual([])
  })

  test('finds no more than docs/memory.md says, with a margin: what is left depends on when V8 collects', async () => {
    const lines = (await readFile(`${root}/docs/memory.md`, 'utf8')).matchAll(/^\| (?<label>[^|]+) \| (?<native>\d+) \| (?<portable>\d+) \|$/gm)
    const most = new Map(Array.from(lines, ({ groups: { label = '', native = '', portable = '' } = {} }) => [label, { native: Number(native), portable: Number(portable) }]))
    expect(most.size).toBeGreaterThan(3)
    for (const { path, end, label, secrets, whole } of collected()) {
      if (allowed(end).includes(label)) continue
      expect(whole, `${path}, ${end}, ${label}`).toBeLessThanOrEqual(secrets * (2 * (most.get(label)?.[path] ?? 0) + 1))
    }
  })
}
