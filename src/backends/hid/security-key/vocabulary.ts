import { assign, cancel, setup } from 'xstate'
import type { Refusal } from '../../../core/errors.ts'
import { hostedAction, hostedTask } from '../../../xstate/placeholders.ts'
import type { OutcomeCode, Opened, Outcome, Presence, Turn } from '../ceremony.ts'
import type { KeyState } from './messages.ts'
import { waiting } from './state.ts'
import type { KeyContext, KeyEvent, Waiting } from './state.ts'

const types: { context?: KeyContext; events?: KeyEvent; input?: Pick<KeyContext, 'patience' | 'limit' | 'capacity'> } = {}

export interface Named { readonly ceremony: string }
export interface Next { readonly next: string | null }

/** The words that the machine is written in: its tasks, its actions, its guards. */
export const vocabulary = setup({
  types,
  actors: {
    presence: hostedTask<Next, Presence>(),
    change: hostedTask<Next & { readonly known: Presence }, Presence>(),
    open: hostedTask<Named, Opened>(),
    choose: hostedTask<Named, Opened>(),
    proceed: hostedTask<Named, Turn>(),
    awaitTouch: hostedTask<Named, Turn>(),
    askPin: hostedTask<Named, Turn>(),
    askInsert: hostedTask<Named, 'denied'>(),
    end: hostedTask<Named & { readonly reason: Refusal<OutcomeCode> }, Outcome>(),
  },
  actions: {
    /** Tells observers which state it is in now. */
    show: hostedAction<KeyState>(),
    /** Tells who asked for it. */
    describe: hostedAction<KeyState>(),
    /** The request that came in is answered later. */
    keep: hostedAction(),
    answer: hostedAction<{ readonly to: Waiting['to'] | undefined; readonly outcome: Outcome }>(),
    answerAll: hostedAction<Outcome>(),
    /** What happened is of no importance any more. */
    ignore: hostedAction(),
    found: assign({ presence: (_, presence: Presence) => presence }),
    unfit: assign({ presence: ({ context }) => ({ ...context.presence, usable: 0 }) }),
    settle: assign({ outcome: (_, outcome: Outcome) => outcome }),
    takeNext: assign({ current: ({ context }) => context.queue[0] ?? null, queue: ({ context }) => context.queue.slice(1) }),
    putBack: assign({ queue: ({ context }) => context.current === null ? context.queue : [context.current, ...context.queue], current: null }),
    /** It waits for its turn no more. */
    begin: cancel(({ context }) => context.current?.ceremony ?? ''),
    finish: assign({ current: null, outcome: null }),
  },
  guards: {
    isFull: ({ context }) => context.queue.length >= context.capacity,
    isWaiting: ({ context, event }) => waiting(context, event) !== undefined,
    isCurrent: ({ context, event }) => 'ceremony' in event && context.current?.ceremony === event.ceremony,
    hasWork: ({ context }) => context.queue.length > 0,
    isBroken: ({ context }) => context.queue.length > 0 && context.presence.problem !== null,
    isUsable: ({ context }) => context.presence.usable > 0,
    isLocked: ({ context }) => context.presence.present > 0 && context.presence.locked === context.presence.present,
  },
  delays: { patience: ({ context }) => context.patience, limit: ({ context }) => context.limit },
})

/** Puts the request that came in at the end. It waits for so long at most. */
export const enqueue = vocabulary.enqueueActions(({ context, event, enqueue: act }) => {
  if (event.type !== 'perform') return
  const { ceremony, to } = event
  act.assign({ queue: [...context.queue, { ceremony, to }] })
  act.raise({ type: 'expire', ceremony }, { delay: context.patience, id: ceremony })
})

/** Takes out the one that the event is about. */
export const remove = vocabulary.enqueueActions(({ context, event, enqueue: act }) => {
  const gone = waiting(context, event)
  if (gone === undefined) return
  act.cancel(gone.ceremony)
  act.assign({ queue: context.queue.filter(one => one !== gone) })
})

export const clear = vocabulary.enqueueActions(({ context, enqueue: act }) => {
  for (const { ceremony } of context.queue) act.cancel(ceremony)
  act.assign({ queue: [] })
})
