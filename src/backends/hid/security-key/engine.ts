import { emit, keep, reply } from '../../../core/effect.ts'
import type { TaskHandlers } from '../../../core/engine.ts'
import { defineMachineEngine } from '../../../xstate/engine.ts'
import type { Hosted } from '../../../xstate/family.ts'
import type { Devices } from '../ceremony.ts'
import { securityKeyConfig } from './config.ts'
import { securityKeyMachine } from './machine.ts'
import { securityKeyProtocol } from './messages.ts'
import type { SecurityKeyProtocol } from './messages.ts'

export interface SecurityKey {
  protocol: SecurityKeyProtocol
  config: typeof securityKeyConfig
  machine: typeof securityKeyMachine
  services: { readonly devices: Devices }
}

const tasks: TaskHandlers<Hosted<SecurityKey>> = {
  presence: ({ next }, { devices }, signal) => devices.presence(next, signal),
  change: ({ known, next }, { devices }, signal) => devices.change(known, next, signal),
  open: ({ ceremony }, { devices }, signal) => devices.open(ceremony, signal),
  choose: ({ ceremony }, { devices }, signal) => devices.choose(ceremony, signal),
  proceed: ({ ceremony }, { devices }, signal) => devices.proceed(ceremony, signal),
  awaitTouch: ({ ceremony }, { devices }, signal) => devices.awaitTouch(ceremony, signal),
  askPin: ({ ceremony }, { devices }, signal) => devices.askPin(ceremony, signal),
  askInsert: ({ ceremony }, { devices }, signal) => devices.askInsert(ceremony, signal),
  end: ({ ceremony, reason }, { devices }) => devices.end(ceremony, reason),
}

/**
 * The FIDO devices of one machine, and the person in front of it: it orders what is wanted of them, and tells observers in which state they are. What goes in
 * and comes out of a device is in no message of it.
 */
export const securityKey = defineMachineEngine<SecurityKey>({
  protocol: securityKeyProtocol,
  config: securityKeyConfig,
  machine: securityKeyMachine,
  input: config => config,
  tasks,
  events: {
    PerformRequest: ({ msg: { ceremony }, replyTo }) => ({ type: 'perform', ceremony, to: replyTo }),
    StateRequest: () => ({ type: 'look' }),
    Cancel: ({ msg: { ceremony } }) => ({ type: 'cancel', ceremony }),
  },
  actions: {
    show: (state, { context }) => emit({ type: 'security-key', state, devices: context.presence.present, waiting: context.queue.length }),
    describe: (state, { context: { current, queue, presence } }) =>
      reply({ state, ...current && { current: current.ceremony }, waiting: queue.length, devices: presence.present }),
    keep: (_, { replyTo }) => replyTo === undefined ? [] : keep(replyTo),
    answer: ({ to, outcome }) => to === undefined ? [] : reply(outcome ?? {}, { to }),
    answerAll: (outcome, { context }) => context.queue.map(({ to }) => reply(outcome ?? {}, { to })),
    ignore: () => [],
  },
})
