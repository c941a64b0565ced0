import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { identities, identityManagement, localMemory, createNode } from '../../../src/index.ts'

const program = join(import.meta.dirname, '../../../examples/ipse-hid.ts')
let store = ''
beforeAll(async () => { store = await mkdtemp(join(tmpdir(), 'ipse-hid-')) })
afterAll(() => rm(store, { recursive: true, force: true }))

function run(...args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, [program, ...args, '--store', store], (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }))
  })
}

// By hand it is tried with a device. Here is what it does without one.
describe('ipse-hid', () => {
  test('says what it can do', async () => {
    const { code, stdout } = await run('--help')
    expect(code).toBe(0)
    for (const command of ['list', 'info', 'pin', 'enrol', 'sign', 'verify', 'encrypt', 'decrypt', 'credentials', 'delete']) expect(stdout).toContain(`\n  ${command}`)
  })

  test('says what is there, which may be nothing; or why that can\'t be told', async () => {
    const { stdout, stderr, code } = await run('list')
    if (code === 0) expect(stdout).toMatch(/No FIDO device is plugged in|^\S+ {2}\S/)
    else expect(stderr).toContain('device-unavailable')
  })

  test.each([[[]], [['bogus']], [['constructor']], [['list', '--nope']], [['sign', 'x']], [['delete', '--identity', 'zNobody']]])('refuses what can\'t be: %j', async args => {
    const { code, stdout, stderr } = await run(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('--help tells more.')
  })

  test('verifies without a device', async () => {
    await using node = await createNode()
    const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [localMemory()] } })
    const me = await identities(node.client('me'), im).generate({ params: 'MLDSA65' })
    const { name, bundle = new Uint8Array() } = me.externalIdentity
    const commitment = Buffer.from(await me.commit(new TextEncoder().encode('data'))).toString('base64url')
    const known = ['--identity', name, '--bundle', Buffer.from(bundle).toString('base64url')]
    expect(await run('verify', 'data', commitment, ...known)).toEqual({ code: 0, stdout: 'good\n', stderr: '' })
    expect(await run('verify', 'other', commitment, ...known)).toEqual({ code: 1, stdout: 'bad\n', stderr: '' })
    expect((await run('encrypt', 'data', ...known)).stdout.length).toBeGreaterThan(100)
  }, 30_000)
})
