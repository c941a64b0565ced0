import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

describe('npm run vectors', () => {
  function run(...args: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    return new Promise(resolve => {
      const options = { env: { ...process.env, IPSE_VECTORS: '/nonexistent' } }
      const child = execFile(process.execPath, [join(import.meta.dirname, '../vectors/run.ts'), ...args], options, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }))
    })
  }

  test('fails where sets are absent, names each, and says nothing else of them', async () => {
    const { code, stdout, stderr } = await run()
    expect(code).toBe(1)
    expect(stderr).toContain('Wycheproof Ed25519: no wycheproof/ed25519_test.json\n')
    expect(stdout).toContain('RFC 8032 Ed25519')
    expect(stdout).not.toContain('Wycheproof')
  })

  test.each([[['--nonsense'], "Unknown option '--nonsense'"], [['ed25519'], "Unexpected argument 'ed25519'"]])('refuses %j', async (args, problem) => {
    const { code, stdout, stderr } = await run(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(problem)
  })
})
