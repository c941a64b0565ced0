import { z } from 'zod'
import { always, bytes, defineEngine, defineProtocol, exchange, keep } from '../../src/index.ts'
import type { Answered, Ask, Asked, ConfigOf, Definition, Elapsed, Engine, Life, Outcome, ProtocolOf, ReplyTo, ResponseOf, Rules, Step, Terminated, Told, Trigger } from '../../src/index.ts'
import type { RequestStep } from '../../src/index.ts'

/** An engine whose rules each test writes: a box that can be put into, and asked of. */
export const boxProtocol = defineProtocol({
  id: 'test/box',
  version: 1,
  codes: ['no'],
  requests: { GetRequest: exchange({ n: z.number() }, { n: z.number() }) },
  tells: { Put: { n: z.number(), data: bytes(16).exactOptional() } },
})
export interface BoxProtocol extends ProtocolOf<typeof boxProtocol> {}
export type GetReply = ReplyTo<ResponseOf<BoxProtocol, 'GetRequest'>>

export interface BoxEnvironment {
  readonly log: readonly number[]
  readonly kept: readonly GetReply[]
  readonly children: number
}

const boxConfig = z.strictObject({ first: z.array(z.number()).default([]) })

export interface Box {
  protocol: BoxProtocol
  config: typeof boxConfig
  environment: BoxEnvironment
  services: { readonly note?: (text: string) => void }
  resource: { readonly opened: string }
  tasks: { work(input: { readonly n: number; readonly replyTo?: GetReply }): number }
  asks: { ask: Ask<BoxProtocol, 'GetRequest'> }
  timers: 'tick' | 'tock'
}

type Rule<T, A> = (trigger: T, config: ConfigOf<Box>, environment: BoxEnvironment) => A
type Handler = (input: { readonly n: number }, live: { readonly note?: (text: string) => void; readonly opened: string }, signal: AbortSignal) => number | Promise<number>

export interface BoxRules {
  readonly put?: Rule<Told<BoxProtocol, 'Put'>, Step<Box>>
  readonly putRules?: Rules<Box, Told<BoxProtocol, 'Put'>>
  readonly get?: Rule<Asked<BoxProtocol, 'GetRequest'>, RequestStep<Box, ResponseOf<BoxProtocol, 'GetRequest'>>>
  /** In place of `get`. */
  readonly getRules?: Rules<Box, Asked<BoxProtocol, 'GetRequest'>>
  readonly done?: Rule<Outcome<Box, 'work'>, Step<Box>>
  readonly answered?: Rule<Answered<BoxProtocol, 'ask', ResponseOf<BoxProtocol, 'GetRequest'>>, Step<Box>>
  readonly elapsed?: Rule<Elapsed<BoxProtocol, 'tick' | 'tock'>, Step<Box>>
  readonly terminated?: Rule<Terminated<BoxProtocol>, Step<Box>>
  readonly started?: Rule<Trigger<BoxProtocol>, Step<Box>>
  readonly work?: Handler
  readonly acquire?: (signal: AbortSignal) => { readonly opened: string } | Promise<{ readonly opened: string }>
  readonly release?: () => void | Promise<void>
  readonly closed?: boolean
  readonly capacity?: number
  readonly environment?: (life: Life) => BoxEnvironment
  readonly children?: () => readonly Engine<never>[]
  readonly supervision?: NonNullable<Definition<Box>['supervision']>
  readonly keepsChildren?: boolean
}

const nothing = () => undefined

export function box(rules: BoxRules): Engine<Box> {
  return defineEngine<Box>({
    protocol: boxProtocol,
    config: boxConfig,
    environment: ({ first }, life) => rules.environment?.(life) ?? { log: first, kept: [], children: life.nextChild },
    behaviour: {
      messages: {
        Put: rules.putRules ?? always(rules.put ?? nothing),
        GetRequest: rules.getRules ?? always(rules.get ?? (({ replyTo }) => keep(replyTo))),
      },
      outcomes: { work: always(rules.done ?? nothing) },
      answers: { ask: always(rules.answered ?? nothing) },
      timers: { tick: always(rules.elapsed ?? nothing), tock: always(rules.elapsed ?? nothing) },
      terminated: always(rules.terminated ?? nothing),
      ...rules.started && { started: always(rules.started) },
    },
    tasks: { work: rules.work ?? (({ n }) => n) },
    resource: {
      acquire: (_config, _services, signal) => rules.acquire?.(signal) ?? { opened: 'yes' },
      ...rules.release && { release: rules.release },
    },
    ...rules.closed ? {} : { open: true as const },
    ...rules.capacity === undefined ? {} : { mailboxes: { 0: { capacity: rules.capacity } } },
    ...rules.children && { children: rules.children },
    ...rules.supervision && { supervision: rules.supervision },
    ...rules.keepsChildren ? { keepsChildren: true as const } : {},
  })
}

/** Runs to the same text for the same run: what tests compare. */
export function outcomeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(value => `ok ${JSON.stringify(value)}`, (error: { code?: string }) => `${error.code}`)
}

/** A promise that the test settles. */
export function deferred<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  return Promise.withResolvers<T>()
}
