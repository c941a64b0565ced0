import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { benchmarks, openPeers, rowsOf } from '../bench/benchmarks.ts'
import { judged, losses, markdownOf, tableOf } from '../bench/report.ts'
import type { Row } from '../bench/report.ts'
import { race } from '../bench/rounds.ts'
import type { Effort } from '../bench/rounds.ts'
import { answered, counted, played } from '../bench/work.ts'

/** Numbers of no worth, soon: what is tested is what is measured, not how fast it is. */
const LEAST: Effort = { rounds: 1, lane: 0, watch: 20, divisor: 100 }

/** What each row is called, by its benchmark, and against whom it must be run wherever the tests run. */
const ROWS: { readonly [benchmark: string]: { readonly [row: string]: readonly string[] } } = {
  tell: { tell: ['nact', 'XState', 'Effect'], 'tell-client': ['nact', 'XState', 'Effect'] },
  'ping-pong': { 'ping-pong': ['nact', 'XState', 'Effect'] },
  ask: { ask: ['nact', 'Effect'], 'ask-100': ['nact', 'Effect'], request: ['nact', 'Effect'] },
  spawn: { spawn: ['nact', 'XState', 'Effect'] },
  'idle-engine': { 'idle-engine': ['nact'] },
  backlog: { backlog: ['a backlog of 1,000'] },
  'loop-delay': { 'loop-delay': ['an idle loop'] },
  growth: { growth: ['none idle'] },
  commit: { commit: ['bare signer'] },
  'hosted-machine': { 'hosted-machine': ['XState'] },
  'commit-ed25519': { 'commit-ed25519': ['OpenSSL in a loop'], 'commit-ed25519-cores': ['one core'] },
  'commit-secp256k1': { 'commit-secp256k1': ['portable'] },
  'commit-p256': { 'commit-p256': ['portable'] },
  'commit-mldsa65': { 'commit-mldsa65': ['portable'] },
  'commit-bls': { 'commit-bls': ['portable'] },
  'verify-bls-batch': { 'verify-bls-batch': ['one by one'] },
  'decrypt-1k': { 'decrypt-1k': ['bare primitives'] },
  'loop-delay-signing': { 'loop-delay-signing': ['an idle loop'] },
  'generate-durable': { 'generate-durable': ['local memory', 'bare store'] },
  restart: { restart: ['one identity'], 'connect-after-restart': ['awake'], 'growth-durable': ['among 10'] },
  unlock: { unlock: ['portable', 'passphrase'] },
  'identity-memory': { 'identity-memory': ['awake', 'local memory'] },
}

describe('each benchmark completes its work and names its rows', () => {
  const peers = openPeers()
  afterAll(async () => {
    for (const peer of peers) await peer.close()
  })

  test('none is forgotten here', () => {
    expect(Object.keys(benchmarks).toSorted()).toEqual(Object.keys(ROWS).toSorted())
  })

  test.each(Object.entries(benchmarks))('%s', async (name, benchmark) => {
    const rows = await benchmark(LEAST, peers)
    const promised = ROWS[name] ?? {}
    expect(rowsOf(name)).toEqual(Object.keys(promised))
    expect(new Set(rows.map(row => row.name))).toEqual(new Set(Object.keys(promised)))
    for (const [row, against] of Object.entries(promised)) expect(rows.filter(one => one.name === row).map(({ peer }) => peer)).toEqual(expect.arrayContaining([...against]))
    for (const row of rows) {
      expect(row.ours).toBeGreaterThan(0)
      expect(row.theirs).toBeGreaterThan(0)
      expect(row.ratio).toBeGreaterThan(0)
      // An object on one line says the same as the row.
      expect(JSON.parse(JSON.stringify(row))).toEqual(row)
    }
    // Two rows of one name can be told apart.
    expect(new Set(rows.map(row => `${row.name} ${row.variant} ${row.peer}`)).size).toBe(rows.length)
  }, 60_000)
})

test('a flood of signing that is over before anything is signed ends well', async () => {
  expect(await benchmarks['loop-delay-signing']?.({ ...LEAST, watch: 0 }, [])).toHaveLength(3)
})

describe('work that is not completed is no number', () => {
  test('tells that are lost', async () => {
    let count = 0
    await expect(counted(() => count, () => { count += 9_999 })(20_000)).rejects.toThrow('of 10000, 9999 arrived')
  })

  test('a game that ends early', async () => {
    await expect(played(hits => hits - 1)(10_000)).rejects.toThrow('of 10000, 9999 arrived')
  })

  test('a wrong answer', async () => {
    await expect(answered(3, async n => n === 7 ? 8 : n)(10)).rejects.toThrow('of 10, 9 arrived')
  })
})

describe('npm run bench', () => {
  function run(...args: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    return new Promise(resolve => {
      const child = execFile(process.execPath, ['--expose-gc', join(import.meta.dirname, '../bench/run.ts'), ...args], (_error, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }))
    })
  }

  test.each([
    [['--nonsense'], "Unknown option '--nonsense'"],
    [['ask', 'nonsense', 'toString'], 'There is no benchmark nonsense, toString'],
    [['--document', '--quick'], 'leave out --quick'],
    [['--document', 'ask'], 'leave out --quick and names'],
  ])('refuses %j', async (args, problem) => {
    const { code, stdout, stderr } = await run(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(problem)
    expect(stderr).toMatch(/\nusage: npm run bench -- /)
    // No trace of the stack.
    expect(stderr).not.toContain('.ts:')
  })

  test('says how it is used, and which benchmarks there are', async () => {
    const { code, stdout, stderr } = await run('--help')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^usage: npm run bench -- /)
    for (const name of Object.keys(ROWS)) expect(stdout).toContain(name)
  })
})

test('lanes take turns, and each round begins with another one', async () => {
  const turns: string[] = []
  const lane = (name: string) => async () => {
    turns.push(name)
    return 10
  }
  const speeds = await race({ ...LEAST, rounds: 3 }, 100, ['a', 'b', 'c'].map(lane))
  expect(turns.slice(-9).join('')).toBe('abcbcacab')
  expect(speeds).toEqual([[10_000, 10_000, 10_000], [10_000, 10_000, 10_000], [10_000, 10_000, 10_000]])
})

test('a lane runs about as long as it is to, however fast it is', async () => {
  const ran = { slow: 0, fast: 0 }
  // Milliseconds: a thousand operations take ten, or a tenth.
  await race({ ...LEAST, lane: 100 }, 1_000, [
    async operations => { ran.slow = operations; return operations / 100 },
    async operations => { ran.fast = operations; return operations / 10_000 },
  ])
  expect(ran).toEqual({ slow: 10_000, fast: 1_000_000 })
})

describe('a report', () => {
  const row: Row = { name: 'tell', peer: 'nact', ours: 90, theirs: 10, ratio: 9, unit: '1/s' }

  test('says whether a target is met', () => {
    expect(judged(row)).toMatchObject({ target: 'ratio ≥ 18', met: false })
    expect(judged({ ...row, ratio: 18 })).toMatchObject({ met: true })
    expect(judged({ ...row, name: 'idle-engine', variant: 'open', ours: 400, unit: 'bytes' })).toMatchObject({ target: '≤ 400 bytes', met: true })
    expect(judged({ ...row, name: 'idle-engine', variant: 'open', ours: 401, unit: 'bytes' })).toMatchObject({ met: false })
    expect(judged({ ...row, peer: 'XState' })).toEqual({ ...row, peer: 'XState' })
    expect(tableOf([judged(row)])).toContain('MISSED')
    expect(markdownOf([judged(row)]).split('\n').at(-1)).toBe('| tell | nact | 90 | 10 | 1/s | 9.00 | ratio ≥ 18 | MISSED |')
  })

  test('says where a peer is better', () => {
    expect(losses([row])).toEqual([])
    expect(losses([{ ...row, ratio: 0.5 }])).toEqual(['tell: ours is SLOWER than nact, by a factor of 2.00.'])
    expect(losses([{ ...row, unit: 'ns', ratio: 0.5 }, { ...row, name: 'commit', ratio: 0.5, addedMicroseconds: 5 }])).toEqual([])
    expect(losses([{ ...row, variant: 'open', unit: 'bytes', ratio: 0.25 }])).toEqual(['tell, open: ours is LARGER than nact, by a factor of 4.00.'])
  })

  test('is what docs/performance.md shows', () => {
    const [, table = ''] = /<!-- measured: npm run bench -- --document -->\n([^]*)<!-- end of what was measured -->/
      .exec(readFileSync(join(import.meta.dirname, '../docs/performance.md'), 'utf8')) ?? []
    const shown = table.split('\n').filter(line => line.startsWith('| ')).map(line => line.split(' | ')[0]?.slice(2).split(',')[0])
    expect(table).toContain(markdownOf([]))
    expect(new Set(shown.slice(2))).toEqual(new Set(Object.values(ROWS).flatMap(rows => Object.keys(rows))))
  })
})
