import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { Skips } from './test/skips.ts'

export default defineConfig({
  test: {
    globalSetup: ['test/page.ts'],
    include: ['test/**/*.test.ts'],
    reporters: ['default', new Skips()],
    // On two cores too, since many tests wait: for a browser, a disk, a child process.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
