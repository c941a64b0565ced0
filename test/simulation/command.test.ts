import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { mutants } from '../../simulate/mutants.ts'
import { findMutants } from '../../simulate/threads.ts'
import { search } from '../../simulate/search.ts'

const root = join(import.meta.dirname, '../..')

interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(...args: readonly string[]): Promise<Run> {
  return runNode([join(root, 'simulate/run.ts'), ...args])
}

/** The command, of a library in which that mutant is planted. */
function runPlanted(mutant: string, ...args: readonly string[]): Promise<Run> {
  const planted = pathToFileURL(join(root, 'test/simulation/planted.ts')).href
  return runNode(['--import', planted, join(root, 'simulate/run.ts'), ...args], { IPSE_PLANTED: mutant })
}

function runNode(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Run> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, args, { maxBuffer: 1 << 26, env: { ...process.env, ...environment } }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }))
  })
}

describe('npm run simulate', () => {
  test('S32: says what it did in one JSON object; the same seed gives the same trace hash', async () => {
    const [one, same, other] = await Promise.all(['5', '5', '6'].map(seed => run('--seed', seed, '--runs', '20', '--json')))
    const result = JSON.parse(one?.stdout ?? '')
    expect(Object.keys(result).toSorted()).toEqual(['runs', 'schedulesPerMinute', 'seed', 'steps', 'traceHash', 'violations'])
    expect(result).toMatchObject({ seed: 5, runs: 20, violations: [], traceHash: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(result.steps).toBeGreaterThanOrEqual(20 * 300)
    expect(result.schedulesPerMinute).toBeGreaterThan(0)
    expect([one?.code, one?.stderr]).toEqual([0, ''])
    expect(JSON.parse(same?.stdout ?? '').traceHash).toBe(result.traceHash)
    expect(JSON.parse(other?.stdout ?? '').traceHash).not.toBe(result.traceHash)
  })

  test('S32: threads change nothing', async () => {
    const whole = await search(5, 6)
    const parts = await Promise.all([search(5, 6, 0, 2), search(5, 6, 1, 2)])
    expect(parts.flatMap(({ hashes }) => hashes).toSorted(([a], [b]) => a - b)).toEqual(whole.hashes)
  })

  test('sums up for people', async () => {
    expect(await run('--runs', '2')).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^2 schedules of seed 1, \d+ steps.*\nEverything held\.\n$/) })
  })

  test.each([
    [['--nonsense'], "Unknown option '--nonsense'"],
    [['nonsense'], 'nonsense'],
    [['--runs', '0'], '--runs takes a whole number from 1'],
    [['--runs', '1.5'], '--runs takes a whole number from 1'],
    [['--seed', '-1'], '--seed takes a whole number from 0, not "-1"'],
    [['--seed', '--json'], '--seed takes a whole number from 0, not "--json"'],
    [['--seed=-1'], '--seed takes a whole number from 0, not "-1"'],
    [['--runs', '-5'], '--runs takes a whole number from 1, not "-5"'],
    [['--json', '--seed'], "'--seed <value>' argument missing"],
    [['--seed', '99999999999999999999'], '--seed takes a whole number from 0'],
  ])('refuses %j', async (args, problem) => {
    const { code, stdout, stderr } = await run(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(problem)
    expect(stderr).toContain('usage:')
  })

  test('prints the seed of what fails, and a shrunk trace; that seed alone fails again, and only with the defect', async () => {
    const mutant = 'overflow blames the wrong message'
    const { code, stdout, stderr } = await runPlanted(mutant, '--seed', '1', '--runs', '4')
    expect([code, stderr]).toEqual([1, ''])
    const [, seed, guarantee, problem] = /The first is seed (\d+): (S\d+) (.+)/.exec(stdout) ?? expect.fail(stdout)
    expect(guarantee).toBe('S5')
    const [, before, trace] = /What is left when all that can be left out is: (?:.+)\n([^]*)What was observed:\n([^]*)Again: /.exec(stdout) ?? expect.fail(stdout)
    expect(before?.trim().split('\n').length).toBeLessThan(20)
    expect(trace).toContain('dead letter: mailbox-full')
    expect(stdout).toContain(`npm run simulate -- --seed ${seed} --runs 1`)
    const again = await runPlanted(mutant, '--seed', `${seed}`, '--runs', '1', '--json')
    expect(again.code).toBe(1)
    expect(JSON.parse(again.stdout).violations).toMatchObject([{ seed: Number(seed), guarantee, problem, shrunk: { operations: expect.any(Array), trace: expect.any(Array) } }])
    expect(await run('--seed', `${seed}`, '--runs', '1')).toMatchObject({ code: 0 })
  })

  test('says how it is used', async () => {
    expect(await run('--help')).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^usage: npm run simulate -- \[--seed N\]/) })
  })
})

describe('mutants', () => {
  test('each is found, for a guarantee that is stated', async () => {
    expect(mutants.length).toBeGreaterThanOrEqual(12)
    const stated = readFileSync(join(root, 'docs/semantics.md'), 'utf8')
    const found = await findMutants(mutants, 1)
    expect(found.filter(({ schedules }) => schedules === null).map(({ mutant }) => mutant)).toEqual([])
    for (const { mutant, violation } of found) expect(stated, mutant).toContain(`**${violation?.guarantee}**`)
  })

  test('one whose place in the library is gone, or is there twice, is an error', async () => {
    const [first] = mutants
    if (first === undefined) return expect.fail('there are no mutants')
    await expect(findMutants([{ ...first, find: 'no such text' }], 1)).rejects.toThrow('occurs 0 times')
    await expect(findMutants([{ ...first, find: 'this' }], 1)).rejects.toThrow(/occurs \d+ times/)
    await expect(findMutants([{ ...first, file: 'src/crypto/suites/bls.txt' }], 1)).rejects.toThrow('is not loaded')
    await expect(findMutants([{ ...first, replace: 'undeclared()' }], 1)).rejects.toThrow('is no program')
  })
})
