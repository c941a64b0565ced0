import { join } from 'node:path'
import { linesOf, runInstalled } from './command.ts'

/** Checks the types of a project's configuration file. Answers the compiler's complaints. */
export async function compile(root: string, config: string, ...options: readonly string[]): Promise<readonly string[]> {
  const ran = await runInstalled('typescript/bin/tsc', ['-p', join(root, config), '--pretty', 'false', ...options], root)
  return ran.succeeded ? [] : linesOf(ran)
}

/** Emits what is published, JavaScript and declarations, into `folder`. Answers the compiler's complaints. */
export function emit(root: string, folder: string): Promise<readonly string[]> {
  return compile(root, 'tsconfig.build.json', '--outDir', folder)
}
