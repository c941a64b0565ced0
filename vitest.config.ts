import { defineConfig } from 'vitest/config'
import { Skips } from './test/skips.ts'

export default defineConfig({
  test: {
    globalSetup: ['test/page.ts'],
    include: ['test/**/*.test.ts'],
    reporters: ['default', new Skips()],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
