import { join } from 'node:path'
import { expect, test } from 'vitest'
import { operations } from '../torture/operations.ts'
import { torture } from '../torture/supervisor.ts'
import { describeLmdb } from './stores/places.ts'

const planted = async (fault: string, operation: string, runs = 8) => (await torture({
  seed: 5, runs, operations: [operation], faults: join(import.meta.dirname, 'torture-faults', `${fault}.ts`),
})).summary()

await describeLmdb('processes that are killed', () => {
  test('leave nothing lost, half there, resurrected or repeated, whatever they were doing', async () => {
    const result = await torture({ seed: 3, runs: 24, operations: Object.keys(operations) })
    const summary = result.summary()
    expect(summary.texts).toEqual([])
    expect(summary).toMatchObject({ lost: 0, halfThere: 0, resurrected: 0, repeated: 0, unexpected: 0, spared: [] })
    expect(summary.runs).toBe(24)
    expect(summary.acknowledged).toBeGreaterThan(20)
    expect(summary.killPoints).toBeGreaterThanOrEqual(Object.keys(operations).length)
    expect(result.isGood).toBe(true)
  }, 300_000)

  test('lose what a store acknowledges before it writes it, and that is noticed', async () => {
    expect((await planted('late-store', 'grant')).lost).toBeGreaterThan(0)
    expect((await planted('late-store', 'revoke')).resurrected).toBeGreaterThan(0)
  }, 300_000)

  test('leave half a batch where the store writes halves, and that is noticed', async () => {
    expect((await planted('half-batch', 'generate')).halfThere).toBeGreaterThan(0)
  }, 300_000)

  test('lose a passphrase, or the vault, where keyslots are not replaced, and that is noticed', async () => {
    expect((await planted('idle-keyslots', 'passphrase')).lost).toBeGreaterThan(0)
    expect((await planted('idle-keyslots', 'rotate')).halfThere).toBeGreaterThan(0)
  }, 300_000)

  test('repeat what a store does not forget, or leave it for good, and that is noticed', async () => {
    // Which of the two is seen first is a matter of when the process was killed.
    const { repeated, halfThere } = await planted('sticky-rows', 'message')
    expect(repeated + halfThere).toBeGreaterThan(0)
  }, 300_000)
})
