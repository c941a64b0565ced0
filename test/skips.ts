import type { Reporter, TestModule } from 'vitest/node'

/** Names at the end what was skipped: its title says why. */
export class Skips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap(module => Array.from(module.children.allTests('skipped'), test => test.fullName))
    if (skipped.length === 0) return
    console.log(`\nSkipped (${skipped.length}):`)
    for (const name of skipped) console.log(`  ${name}`)
  }
}
