import { assertData } from '../core/data.ts'
import { IpseError } from '../core/errors.ts'
import { isPromise } from '../core/promise.ts'
import { Deadline } from './deadlines.ts'
import type { Deadlines } from './deadlines.ts'
import type { Delivery } from './delivery.ts'
import type { EngineInstance } from './instance.ts'
import type { Scheduler } from './scheduler.ts'

/** What a task came to. */
export type TaskEnd =
  | { readonly outcome: 'done'; readonly output: unknown }
  | { readonly outcome: 'failed' | 'deadline' | 'lost'; readonly reason: string; readonly code?: string }

/** A task that was started and whose outcome has not been handled. */
export class TaskRun extends Deadline {
  readonly engine: EngineInstance
  readonly name: string
  readonly key: string
  readonly input: unknown
  /** How many milliseconds it may take, unless it answers at once. */
  readonly patience: number | undefined
  end: TaskEnd | undefined = undefined
  controller: AbortController | undefined = undefined
  readonly #onDeadline: (run: TaskRun) => void

  constructor(engine: EngineInstance, name: string, key: string, input: unknown, patience: number | undefined, onDeadline: (run: TaskRun) => void) {
    super()
    this.engine = engine
    this.name = name
    this.key = key
    this.input = input
    this.patience = patience
    this.#onDeadline = onDeadline
  }

  override elapse(): void {
    this.#onDeadline(this)
  }
}

/** Runs the impure part of engines. Each run ends once: done, failed, or past its deadline. */
export class Tasks {
  readonly #deadlines: Deadlines
  readonly #delivery: Delivery
  readonly #scheduler: Scheduler

  constructor(deadlines: Deadlines, delivery: Delivery, scheduler: Scheduler) {
    this.#deadlines = deadlines
    this.#delivery = delivery
    this.#scheduler = scheduler
  }

  /** Registers a task of the step that is being committed. */
  create(engine: EngineInstance, name: string, key: string, input: unknown, patience: number | undefined): TaskRun {
    const run = new TaskRun(engine, name, key, input, patience, this.#onDeadline)
    const tasks = engine.own.tasks ??= new Map()
    tasks.set(key, run)
    return run
  }

  /**
   * Calls the handlers of tasks that a step started. Those that answer at once have their outcomes handled before the
   * engine's next message, in order, with no promise in between.
   */
  start(runs: readonly TaskRun[]): void {
    // Most steps start one.
    const [only] = runs
    const ended = only !== undefined && runs.length === 1 ? this.#call(only) ? runs : [] : runs.filter(run => this.#call(run))
    this.#scheduler.lookSoon()
    for (let i = ended.length; i-- > 0;) {
      const run = ended[i]
      if (run !== undefined) this.#delivery.signal(run.engine, { on: 'outcome', run }, true)
    }
  }

  /** Answers whether the task has ended already. */
  #call(run: TaskRun): boolean {
    // The handler of another task of this step may have ended the engine.
    if (run.end !== undefined) return false
    const { engine } = run
    run.controller = new AbortController()
    let result: unknown
    try {
      result = engine.family.tasks.get(run.name)?.(run.input, engine.affairs.live ?? engine.services, run.controller.signal)
      // Asked in here: to look for `then` may run code of whoever made the result.
      if (!isPromise(result)) return this.#end(run, done(run, result))
    } catch (error) {
      return this.#end(run, failure(error))
    }
    if (run.patience !== undefined && run.end === undefined) this.#deadlines.set(run, this.#scheduler.refresh(), run.patience)
    // Not Promise.resolve, which reads the result's constructor, and may throw for it.
    const settled: Promise<void> = new Promise(resolve => resolve(result)).then(
      output => this.#finish(run, done(run, output)),
      (error: unknown) => this.#finish(run, failure(error)),
    ).then(() => void engine.affairs.running?.delete(settled))
    const running = engine.own.running ??= new Set()
    running.add(settled)
    return false
  }

  /** Ends all tasks of an engine that stops; nobody learns their outcome. */
  abandon(engine: EngineInstance): void {
    for (const run of engine.affairs.tasks?.values() ?? []) {
      this.#deadlines.cancel(run)
      run.end = { outcome: 'lost', reason: 'the engine stopped' }
      run.controller?.abort()
    }
    engine.own.tasks = undefined
  }

  /** Answers whether this is the end of the task, and not something that comes after it. */
  #end(run: TaskRun, end: TaskEnd): boolean {
    if (run.end !== undefined) return false
    run.end = end
    this.#deadlines.cancel(run)
    return true
  }

  #finish(run: TaskRun, end: TaskEnd): void {
    if (this.#end(run, end)) this.#delivery.signal(run.engine, { on: 'outcome', run })
  }

  readonly #onDeadline = (run: TaskRun): void => {
    this.#finish(run, { outcome: 'deadline', reason: 'the task did not end before its deadline' })
    run.controller?.abort()
  }
}

function done(run: TaskRun, output: unknown): TaskEnd {
  try {
    assertData(output, `the output of task ${run.name}`)
    return { outcome: 'done', output }
  } catch (error) {
    return failure(error)
  }
}

function failure(error: unknown): TaskEnd {
  try {
    if (error instanceof IpseError) return { outcome: 'failed', reason: `${error.message}`, code: error.code }
    if (error instanceof Error) return { outcome: 'failed', reason: `${error.message}` }
  } catch {
    // Its message is a getter that throws, or no text.
  }
  return { outcome: 'failed', reason: 'the task threw something that is no error' }
}
