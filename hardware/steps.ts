/** One thing that is tried in the guest. It throws when it is not as it should be. */
export interface Step {
  readonly name: string
  readonly run: () => Promise<void>
}

/** Runs them in their order, each with its time, and answers how many have failed. */
export async function perform(steps: readonly Step[], print: (line: string) => void): Promise<number> {
  let failed = 0
  for (const { name, run } of steps) {
    const start = performance.now()
    const problem = await problemOf(run)
    print(`${problem === undefined ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
    if (problem === undefined) continue
    failed++
    print(problem)
  }
  return failed
}

async function problemOf(run: () => Promise<void>): Promise<string | undefined> {
  try {
    await run()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.stack ?? error.message : String(error)
  }
}
