import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('what must not compile does not, and all else does', () => {
  // An expected error that does not come is an error itself, so that this compiles only if each mistake is one.
  const mistakes = readFileSync(new URL('mistakes.ts', import.meta.url), 'utf8').match(/^ *\/\/ @ts-expect-error/gm)?.length
  expect(mistakes).toBe(50)
  const { stdout, status } = spawnSync('node_modules/.bin/tsc', ['-p', 'test/types'], { encoding: 'utf8' })
  expect(stdout).toBe('')
  expect(status).toBe(0)
})
