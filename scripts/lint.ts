import { linesOf, runInstalled } from './command.ts'
import type { Findings } from './findings.ts'

/** Runs oxlint over the project at `root`, as its .oxlintrc.json says. A warning is a problem. */
export async function lint(root: string): Promise<Findings> {
  const ran = await runInstalled('oxlint/bin/oxlint', ['--deny-warnings', '--format=unix'], root)
  return { problems: ran.succeeded ? [] : linesOf(ran) }
}
