import { and, assign, cancel, createMachine, emit, enqueueActions, not, or, raise, stateIn } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { SeededRandom } from '../../src/simulation/random.ts'
import { hostedAction, hostedTask } from '../../src/xstate.ts'

export const EVENTS = ['go.a', 'go.b', 'halt', 'other'] as const

interface Shape {
  readonly id: string
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  readonly children: readonly Shape[]
}

/** A machine of everything that is hosted, decided by a number. Its actions beside XState's own are `note`, its task is `work`. */
export function machineOf(seed: number): AnyStateMachine {
  return new Composer(new SeededRandom(seed)).machine()
}

class Composer {
  readonly #random: SeededRandom
  readonly #ids: string[] = []
  #count = 0

  constructor(random: SeededRandom) {
    this.#random = random
  }

  machine(): AnyStateMachine {
    const children = this.#children(0, true)
    const config = {
      id: 'm', context: ({ input }: { input: { n: number } }) => ({ n: input.n, last: null }), options: { maxIterations: 40 },
      ...this.#behaviour(), ...this.#states(children, 'compound'), ...this.#maybe(0.5, () => ({ output: ({ context }: Scope) => ({ n: context.n }) })),
    }
    return createMachine(config as never, {
      actions: { note: hostedAction(), inc: assign({ n: ({ context }: Scope) => context.n + 1 } as never), add },
      actors: { work: hostedTask() },
      guards: { odd: ({ context }: Scope) => context.n % 2 === 1, below: ({ context }: Scope, { limit }: { limit: number }) => context.n < limit, both: and(['odd', not(stateIn('#s1'))]) },
      delays: { slow: ({ context }: Scope) => 130 * (1 + context.n % 4), fixed: 290 },
    } as never) as AnyStateMachine
  }

  #chance(p: number): boolean {
    return this.#random.below(1000) < p * 1000
  }

  #one<T>(of: readonly T[]): T {
    return of[this.#random.below(of.length)] as T
  }

  #maybe(p: number, make: () => object): object {
    return this.#chance(p) ? make() : {}
  }

  #some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.#random.below(most + 1) }, make)
  }

  #children(depth: number, isCompound: boolean): readonly Shape[] {
    const first = this.#shape(depth, false)
    return [first, ...Array.from({ length: 1 + this.#random.below(2 + (depth === 0 ? 1 : 0)) }, () => this.#shape(depth, isCompound))]
  }

  /** The first of several is never final or history: it may be the initial one. */
  #shape(depth: number, mayEnd: boolean): Shape {
    const id = `s${++this.#count}`
    this.#ids.push(id)
    if (mayEnd && this.#chance(depth === 0 ? 0.25 : 0.15)) return { id, type: 'final', children: [] }
    if (mayEnd && this.#chance(0.12)) return { id, type: 'history', children: [] }
    if (depth < 2 && this.#chance(0.3)) return { id, type: 'compound', children: this.#children(depth + 1, true) }
    if (depth < 2 && this.#chance(0.2)) return { id, type: 'parallel', children: this.#children(depth + 1, false) }
    return { id, type: 'atomic', children: [] }
  }

  #states(shapes: readonly Shape[], type: 'compound' | 'parallel'): object {
    const states = Object.fromEntries(shapes.map(shape => [shape.id, this.#state(shape)]))
    return type === 'parallel' ? { type, states } : { initial: shapes[0]?.id, states }
  }

  #state({ id, type, children }: Shape): object {
    switch (type) {
      case 'history':
        return { id, type, history: this.#one(['shallow', 'deep']) }
      case 'final':
        return { id, type, entry: this.#actions(1), exit: this.#actions(1), ...this.#maybe(0.5, () => ({ output: ({ context }: Scope) => ({ at: context.n }) })) }
      case 'atomic':
        return { id, ...this.#behaviour(), ...this.#maybe(0.3, () => ({ invoke: this.#invoke(id) })) }
      default:
        return {
          id, ...this.#behaviour(), ...this.#states(children, type), ...this.#maybe(0.15, () => ({ invoke: this.#invoke(id) })),
          ...this.#maybe(0.5, () => ({ onDone: this.#transition() })),
        }
    }
  }

  #behaviour(): object {
    const on = Object.fromEntries([...EVENTS, 'go.*', '*'].flatMap((event, i) => this.#chance(i < 4 ? 0.4 : 0.06)
      ? [[event, this.#chance(0.1) ? undefined : Array.from({ length: 1 + this.#random.below(2) }, () => this.#transition())]] : []))
    return {
      on: Object.fromEntries(Object.entries(on).map(([event, transitions]) => [event, transitions ?? {}])),
      entry: this.#actions(2), exit: this.#actions(1),
      ...this.#maybe(0.3, () => ({ after: Object.fromEntries(this.#some(2, () => [this.#one([110, 230, 370, 'slow', 'fixed']), this.#transition()])) })),
      ...this.#maybe(0.12, () => ({ always: { ...this.#transition(), guard: this.#chance(0.5) ? 'odd' : { type: 'below', params: { limit: this.#random.below(6) } }, actions: ['inc'] } })),
    }
  }

  #invoke(id: string): object {
    return {
      src: 'work', ...this.#maybe(0.5, () => ({ id: `work of ${id}` })), input: ({ context, event }: Scope) => ({ id, n: context.n, on: event.type }),
      ...this.#maybe(0.8, () => ({ onDone: { ...this.#transition(), actions: [assign({ last: ({ event }: Scope) => event.output ?? null } as never), ...this.#actions(1)] } })),
      ...this.#maybe(0.7, () => ({ onError: { ...this.#transition(), actions: [assign({ last: ({ event }: Scope) => event.error?.message ?? null } as never), ...this.#actions(1)] } })),
    }
  }

  #transition(): object {
    return {
      ...this.#maybe(0.75, () => ({ target: `#${this.#one(this.#ids)}` })), ...this.#maybe(0.2, () => ({ reenter: true })),
      ...this.#maybe(0.35, () => ({ guard: this.#guard() })), actions: this.#actions(2),
    }
  }

  #guard(): unknown {
    const below = { type: 'below', params: this.#chance(0.5) ? { limit: this.#random.below(9) } : ({ context }: Scope) => ({ limit: context.n + this.#random.below(1) }) }
    return this.#one<unknown>(['odd', below, 'both', not('odd'), or(['odd', below as never]), and(['odd', below as never]), stateIn(`#${this.#one(this.#ids)}`),
      ({ context }: Scope) => context.n > 1])
  }

  #actions(most: number): unknown[] {
    return this.#some(most, () => this.#action())
  }

  #action(): unknown {
    const name = this.#one(EVENTS)
    const id = this.#one(['one', 'two'])
    switch (this.#random.below(14)) {
      case 0: case 1: return { type: 'note', params: ({ context }: Scope) => ({ n: context.n }) }
      case 2: return 'note'
      case 3: return 'inc'
      case 4: return assign({ n: ({ context, event }: Scope) => (context.n + (event.n ?? 2)) % 100 } as never)
      case 5: return emit(({ context, event }: Scope) => ({ type: 'told', n: context.n, on: event.type }))
      case 6: return raise({ type: name, n: 5 } as never)
      case 7: return raise(({ context }: Scope) => ({ type: name, n: context.n }), { delay: this.#one<number>([170, 310]), id } as never)
      case 8: return raise({ type: name }, { delay: this.#one(['slow', 'fixed']) as never })
      case 9: return cancel(id)
      case 10: return { type: 'add', params: { by: 3 } }
      case 11: return { type: 'add', params: ({ context, event }: Scope) => ({ by: context.n + (event.n ?? 1) }) }
      case 12: return assign({ n: ({ context }: Scope) => context.n + 1, last: ({ context, event }: Scope) => `${event.type} at ${context.n}` } as never)
      default: return enqueueActions(({ enqueue, check }) => {
        enqueue({ type: 'note', params: { n: -1 } })
        if (check('odd')) enqueue.assign({ n: ({ context }: Scope) => context.n + 1 } as never)
        else enqueue.raise({ type: name }, { delay: 190, id } as never)
        enqueue.emit({ type: 'enqueued' } as never)
        enqueue('inc')
        if (check('odd')) enqueue.cancel(id)
      })
    }
  }
}

const add = assign((({ context, event }: Scope, { by }: { by: number }) => ({ n: (context.n + by) % 100, last: event.type })) as never)

interface Scope {
  readonly context: { readonly n: number; readonly last: unknown }
  readonly event: { readonly type: string; readonly n?: number; readonly output?: unknown; readonly error?: { readonly message: string } }
}
