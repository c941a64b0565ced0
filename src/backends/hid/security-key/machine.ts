import type { Refusal } from '../../../core/errors.ts'
import type { OutcomeCode, Opened, Outcome, Presence, Turn } from '../ceremony.ts'
import type { KeyState } from './messages.ts'
import { ABSENT, CANCELLED, DENIED, FAILED, FULL, LOCKED, NOBODY, OVERDUE, UNANSWERED, lateness, waiting } from './state.ts'
import type { KeyContext } from './state.ts'
import { clear, enqueue, remove, vocabulary } from './vocabulary.ts'

interface Scene { readonly context: KeyContext }
interface Ended<T> { readonly event: { readonly output: T } }

/** Observers hear when the machine comes to the state, and who asks is told that it is there. */
const observed = (state: KeyState) => ({ entry: { type: 'show', params: state }, on: { look: { actions: { type: 'describe', params: state } } } } as const)

const current = ({ context }: Scene) => ({ ceremony: context.current?.ceremony ?? '' })
const next = ({ context }: Scene) => context.queue[0]?.ceremony ?? null
const settled = (outcome: Outcome) => ({ type: 'settle', params: outcome } as const)

/** What is done with what a look at the devices found. */
const found = {
  onDone: { target: '#security-key.sorting', actions: { type: 'found', params: ({ event }: Ended<Presence>) => event.output } },
  onError: { target: '#security-key.sorting', actions: { type: 'found', params: NOBODY } },
} as const

/** Waits until other devices are there than were. */
const watching = { src: 'change', input: ({ context }: Scene) => ({ known: context.presence, next: null }), ...found } as const

const overWith = { type: 'settle', params: ({ event }: Ended<Turn>): Outcome => event.output.turn === 'over' ? event.output.outcome : FAILED } as const
const isGone = (outcome: Outcome) => outcome?.code === 'device-gone'

/** Whoever asked is answered, and then it is looked who is there. */
const answering = [{ type: 'answer', params: ({ context }: Scene) => ({ to: context.current?.to, outcome: context.outcome }) }, 'begin', 'finish'] as const
const looking = { src: 'presence', input: (scene: Scene) => ({ next: next(scene) }), ...found } as const

/** What the ceremony came to decides which state is next. */
const turning = {
  input: current,
  onDone: [
    { guard: ({ event }: Ended<Turn>) => event.output.turn === 'touch', target: '#security-key.serving.touch.touching', reenter: true },
    { guard: ({ event }: Ended<Turn>) => event.output.turn === 'pin', target: '#security-key.serving.pin', reenter: true },
    { guard: ({ event }: Ended<Turn>) => event.output.turn === 'working', target: '#security-key.serving.busy.working', reenter: true },
    { guard: ({ event }: Ended<Turn>) => event.output.turn === 'over' && isGone(event.output.outcome), target: '#security-key.serving.gone', actions: overWith },
    { target: '#security-key.serving.busy.settling', actions: overWith },
  ],
  onError: { target: '#security-key.serving.busy.ending', actions: settled(FAILED) },
} as const

const opened = (which: Opened['opened']) => ({ event }: Ended<Opened>) => event.output.opened === which
const notOpened = { type: 'settle', params: ({ event }: Ended<Opened>): Outcome => event.output.opened === 'failed' ? event.output.outcome : FAILED } as const

/** Nobody did what the device waits for. */
const impatient = { patience: { target: '#security-key.serving.busy.ending', actions: settled(UNANSWERED) } } as const

const answered = (outcome: Outcome | ((context: KeyContext) => Refusal<OutcomeCode>)) => ({
  type: 'answer',
  params: ({ context, event }: Scene & { readonly event: { readonly type: string; readonly ceremony?: string } }) => ({
    to: waiting(context, event)?.to, outcome: typeof outcome === 'function' ? outcome(context) : outcome,
  }),
} as const)

const absent = vocabulary.createStateConfig({
  ...observed('absent'),
  initial: 'idle',
  states: {
    idle: {
      always: [
        { guard: 'isBroken', actions: [{ type: 'answerAll', params: ({ context }) => context.presence.problem }, clear] },
        { guard: 'hasWork', target: 'wanted' },
      ],
      invoke: watching,
    },
    /** A request waits for a device, and the person is asked for it. */
    wanted: {
      invoke: [
        { src: 'change', input: scene => ({ known: scene.context.presence, next: next(scene) }), ...found },
        {
          src: 'askInsert', input: scene => ({ ceremony: next(scene) ?? '' }),
          onDone: { target: 'idle', actions: ['takeNext', 'begin', { type: 'answer', params: ({ context }) => ({ to: context.current?.to, outcome: DENIED }) }, 'finish'] },
          onError: { actions: 'ignore' },
        },
      ],
      on: {
        // The one that waits first may be another one now.
        cancel: { guard: 'isWaiting', target: 'idle', actions: [answered(CANCELLED), remove] },
        expire: { guard: 'isWaiting', target: 'idle', actions: [answered(ABSENT), remove] },
      },
    },
  },
})

const busy = vocabulary.createStateConfig({
  ...observed('busy'),
  on: { ...observed('busy').on, cancel: { guard: 'isCurrent', target: '.ending', actions: settled(CANCELLED) } },
  initial: 'opening',
  states: {
    opening: {
      invoke: {
        src: 'open', input: current,
        onDone: [
          { guard: opened('one'), target: 'working', actions: 'begin' },
          { guard: opened('several'), target: '#security-key.serving.touch.choosing', actions: 'begin' },
          { guard: opened('absent'), target: '#security-key.absent', actions: ['putBack', 'unfit'] },
          { target: 'ending', actions: ['begin', notOpened] },
        ],
        onError: { target: 'ending', actions: ['begin', settled(FAILED)] },
      },
      on: { expire: { guard: 'isCurrent', target: 'ending', actions: { type: 'settle', params: ({ context }) => lateness(context) } } },
    },
    working: { invoke: { src: 'proceed', ...turning } },
    /** It is told to stop, and may succeed nevertheless: what is answered is what came of it. */
    ending: {
      invoke: {
        src: 'end', input: ({ context }) => ({ ceremony: context.current?.ceremony ?? '', reason: context.outcome ?? FAILED }),
        onDone: [
          { guard: ({ event }) => isGone(event.output), target: '#security-key.serving.gone', actions: { type: 'settle', params: ({ event }) => event.output } },
          { target: 'settling', actions: { type: 'settle', params: ({ event }) => event.output } },
        ],
        onError: { target: 'settling', actions: settled(FAILED) },
      },
    },
    settling: {
      entry: answering,
      invoke: looking,
    },
  },
})

const touch = vocabulary.createStateConfig({
  ...observed('touch'),
  initial: 'touching',
  after: impatient,
  states: {
    choosing: {
      invoke: {
        src: 'choose', input: current,
        onDone: [{ guard: opened('one'), target: '#security-key.serving.busy.working' }, { target: '#security-key.serving.busy.ending', actions: notOpened }],
        onError: { target: '#security-key.serving.busy.ending', actions: settled(FAILED) },
      },
    },
    touching: { invoke: { src: 'awaitTouch', ...turning } },
  },
})

/** The life of the devices that are plugged into a machine. One ceremony is under way at a time; the others wait for their turn, and for a device. */
export const securityKeyMachine = vocabulary.createMachine({
  id: 'security-key',
  context: ({ input }) => ({ ...input, presence: NOBODY, current: null, queue: [], outcome: null }),
  initial: 'absent',
  on: {
    perform: [{ guard: 'isFull', actions: { type: 'answer', params: ({ event }) => ({ to: event.to, outcome: FULL }) } }, { actions: ['keep', enqueue] }],
    // Of one that was answered meanwhile, nothing is left to cancel.
    cancel: [{ guard: 'isWaiting', actions: [answered(CANCELLED), remove] }, { actions: 'ignore' }],
    expire: { guard: 'isWaiting', actions: [answered(lateness), remove] },
  },
  states: {
    absent,
    /** Never rests: it goes on to what the devices that are there make of it. */
    sorting: { always: [{ guard: 'isUsable', target: 'ready' }, { guard: 'isLocked', target: 'locked' }, { target: 'absent' }] },
    ready: { ...observed('ready'), always: { guard: 'hasWork', target: 'serving', actions: 'takeNext' }, invoke: watching },
    serving: {
      initial: 'busy',
      after: { limit: { target: '.busy.ending', actions: settled(OVERDUE) } },
      on: { cancel: [{ guard: 'isCurrent', target: '.busy.ending', actions: settled(CANCELLED) }, { guard: 'isWaiting', actions: [answered(CANCELLED), remove] }, { actions: 'ignore' }] },
      states: { busy, touch, gone: { ...observed('gone'), entry: [{ type: 'show', params: 'gone' }, ...answering], invoke: looking }, pin: { ...observed('pin'), after: impatient, invoke: { src: 'askPin', ...turning } } },
    },
    locked: {
      ...observed('locked'),
      entry: [{ type: 'show', params: 'locked' }, { type: 'answerAll', params: LOCKED }, clear],
      on: { ...observed('locked').on, perform: { actions: { type: 'answer', params: ({ event }) => ({ to: event.to, outcome: LOCKED }) } } },
      invoke: watching,
    },
  },
})
