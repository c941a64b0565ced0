/** What every command understands. */
interface Arguments {
  readonly help: boolean
}

/**
 * The main part of a command. `parse` answers its arguments, or what is wrong with them, and may throw as `parseArgs` does; then the usage is
 * printed and the process ends with 2. `act` answers whether all is well; if not, it ends with 1.
 */
export async function commandLine<A extends Arguments>(usage: string, parse: () => A | string, act: (args: A) => Promise<boolean>): Promise<void> {
  const parsed = attempted(parse)
  if (typeof parsed === 'string') {
    console.error(`${parsed}\n${usage}`)
    process.exitCode = 2
  } else if (parsed.help) {
    console.log(usage)
  } else {
    process.exitCode = await act(parsed) ? 0 : 1
  }
}

function attempted<A>(parse: () => A | string): A | string {
  try {
    return parse()
  } catch (error) {
    return error instanceof Error ? error.message : 'The arguments cannot be read'
  }
}
