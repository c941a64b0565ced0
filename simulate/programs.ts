import type { Choose } from '../src/simulation.ts'

/** What a puppet does when it handles a message: each of these in turn. Peers are numbered. */
export type Op =
  | { readonly op: 'tell' | 'ask' | 'forward'; readonly to: number; readonly mailbox: number; readonly program: Program }
  /** Tells itself the same, so many times over. */
  | { readonly op: 'loop'; readonly times: number; readonly mailbox: number }
  | { readonly op: 'watch' | 'share' | 'unshare'; readonly to: number }
  | { readonly op: 'timer'; readonly handle: number; readonly after: number }
  | { readonly op: 'cancel'; readonly handle: number }
  | { readonly op: 'task'; readonly how: 'sync' | 'async' | 'throw' | 'never' }
  | { readonly op: 'reply' | 'keep' | 'settle' | 'settle-and-keep' | 'spawn' | 'stop' | 'stop-child' | 'crash' | 'crash-children' | 'decline' | 'misname' }
  /** Messages that begin with `defer` are put off while they are held up, until they are released. */
  | { readonly op: 'defer' | 'hold' | 'release' }
export type Program = readonly Op[]

/** Programs as they travel: text, which costs less to copy and to freeze. Each is read once. */
export class ProgramTexts {
  readonly #programs = new Map<string, Program>()

  read(text: string): Program {
    let program = this.#programs.get(text)
    if (program === undefined) this.#programs.set(text, program = parsed(text))
    return program
  }
}

/** What {@link writeProgram} wrote: nothing else is sent to a puppet. */
function parsed(text: string): Program {
  return JSON.parse(text)
}

export function writeProgram(program: Program): string {
  return JSON.stringify(program)
}

const DEEPEST = 3
export const MAILBOXES = 3

/** A program, by chance. The deeper it is nested in others, the shorter. */
export function drawProgram(choose: Choose, depth = 0): Program {
  const program = Array.from({ length: choose(Math.max(2, 5 - depth)) }, () => drawOp(choose, depth))
  return choose(8) === 0 ? [{ op: 'defer' }, ...program] : program
}

function drawOp(choose: Choose, depth: number): Op {
  const kind = choose(depth < DEEPEST ? 30 : 20)
  switch (kind) {
    case 0: return { op: 'reply' }
    case 1: return { op: 'keep' }
    case 2: return { op: 'settle' }
    case 3: return { op: 'spawn' }
    case 4: return choose(4) === 0 ? { op: 'stop' } : { op: 'stop-child' }
    case 5: return choose(4) === 0 ? { op: 'crash' } : { op: 'reply' }
    case 6: return choose(4) === 0 ? { op: 'misname' } : { op: 'spawn' }
    case 7: return choose(3) === 0 ? { op: 'decline' } : { op: 'settle-and-keep' }
    case 8: case 9: return { op: 'task', how: choose(2) === 0 ? 'sync' : drawn(choose, ['async', 'throw', 'never']) }
    case 10: case 11: return { op: 'timer', handle: choose(3), after: choose(4) }
    case 12: return { op: 'cancel', handle: choose(3) }
    case 13: return { op: 'watch', to: choose(6) }
    case 14: return { op: 'share', to: choose(6) }
    case 15: return { op: 'unshare', to: choose(6) }
    case 16: return { op: 'hold' }
    case 17: return { op: 'release' }
    case 18: return { op: 'defer' }
    case 19: return { op: 'loop', times: choose(24), mailbox: choose(MAILBOXES) }
    default: return { op: drawn(choose, ['tell', 'tell', 'tell', 'ask', 'ask', 'forward']), to: choose(6), mailbox: choose(MAILBOXES), program: drawProgram(choose, depth + 1) }
  }
}

export function drawn<T>(choose: Choose, values: readonly [T, ...T[]]): T {
  return values[choose(values.length)] ?? values[0]
}

/** The same with less in it. */
export function* simplerPrograms(program: Program): Generator<Program> {
  for (let i = 0; i < program.length; i++) yield program.toSpliced(i, 1)
  for (const [i, op] of program.entries()) {
    if (op.op === 'loop' && op.times > 0) yield program.with(i, { ...op, times: op.times >> 1 })
    if (!('program' in op)) continue
    for (const simpler of simplerPrograms(op.program)) yield program.with(i, { ...op, program: simpler })
  }
}

/** Whether the step that performs this crashes by it, if it does not put it off. */
export function isPoison(program: Program): boolean {
  return program.some(({ op }) => op === 'crash' || op === 'misname')
}
