// Compiled and never run: each line below a @ts-expect-error is a mistake that must not compile.
import { assign, setup } from 'xstate'
import { z } from 'zod'
import {
  always, bytes, child, createNode, defer, defineEngine, defineProtocol, engineRef, exchange, forward, identities, identityManagement, keep, localMemory, refuse, reply,
  request, rule, spawn, stop, Table, task, timer, update, updateMailbox,
} from '../../src/index.ts'
import type {
  Ask, Asked, Backend, Behaviour, Capabilities, CommitmentProtocol, Engine, EngineRef, ExternalIdentity, ProtocolOf, ReplyTo, ResponseOf, Rules,
} from '../../src/index.ts'
import { defineMachineEngine, hostedAction, hostedTask } from '../../src/xstate.ts'
import type { MachineDefinition } from '../../src/xstate.ts'

// ── a user's engine ──────────────────────────────────────────────────────────────────────────────────────────────
const gateProtocol = defineProtocol({
  id: 'example/gate', version: 1, codes: ['expired', 'not-signed'],
  requests: { SubmitRequest: exchange({ data: bytes() }, { commitment: bytes() }) },
  tells: { Approve: { ticket: z.string() } },
})
interface GateProtocol extends ProtocolOf<typeof gateProtocol> {}
const gateConfig = z.object({ signer: engineRef<CommitmentProtocol>(), patience: z.number() })
interface Gate {
  protocol: GateProtocol
  config: typeof gateConfig
  environment: { readonly tickets: number; readonly waiting: Table<ReplyTo<ResponseOf<GateProtocol, 'SubmitRequest'>>> }
  asks: { sign: Ask<CommitmentProtocol, 'CommitmentRequest'> }
  timers: 'expire'
}
declare const gateBehaviour: Behaviour<Gate>
const gate = defineEngine<Gate>({
  protocol: gateProtocol, config: gateConfig, environment: () => ({ tickets: 0, waiting: Table.empty() }), behaviour: gateBehaviour,
})

interface Worker {
  protocol: GateProtocol
  config: typeof gateConfig
  environment: { readonly done: number }
  services: { readonly backends: readonly Backend[] }
  tasks: { work(input: { readonly data: Uint8Array; readonly replyTo: ReplyTo<ResponseOf<GateProtocol, 'SubmitRequest'>> }): Uint8Array }
}
declare const worker: Engine<Worker>

// ── the host ─────────────────────────────────────────────────────────────────────────────────────────────────────
const node = await createNode()
const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [localMemory()] } })
const alice = node.client('alice')
const bob = node.client('bob')
const data = new Uint8Array()
const generate = { type: 'GenerateIdentityRequest', backend: { type: 'LocalMemory' }, params: 'Ed25519' } as const
const one = await alice.ask(im, { ...generate, capabilities: 'Commit' })
const both = await alice.ask(im, { ...generate, capabilities: 'CommitAndDecrypt' })
declare const wanted: Capabilities
const some = await alice.ask(im, { ...generate, capabilities: wanted })
const desk = await node.spawn(gate, { name: 'gate', config: { signer: one.commitmentEngine, patience: 1 } })
const borrowed = await identities(bob, im).connect(one.externalIdentity, 'Commit')

// What is right compiles.
await alice.ask(one.commitmentEngine, { type: 'CommitmentRequest', data })
await alice.ask(both.decryptionEngine, { type: 'DecryptionRequest', data })
if (some.decryptionEngine) await alice.ask(some.decryptionEngine, { type: 'DecryptionRequest', data })
const raw = await alice.askRaw(im, { type: 'DeleteIdentityRequest', externalIdentity: one.externalIdentity, backend: { type: 'LocalMemory' } })
export const code: 'not-owner' | 'not-found' | undefined = 'err' in raw && (raw.code === 'not-owner' || raw.code === 'not-found') ? raw.code : undefined
const { capabilities: adopted } = await identities(alice, im).adopt(one.externalIdentity, data, { type: 'LocalMemory' })
await identities(alice, im).undelete(one.externalIdentity)
await identities(alice, im).connect(one.externalIdentity, adopted)

// @ts-expect-error asked 'Commit': there is no decryption engine
one.decryptionEngine
// @ts-expect-error nor on the façade's handle
borrowed.decrypt
// @ts-expect-error a borrower doesn't delete
borrowed.delete
// @ts-expect-error nor takes a delete back: that is asked of Identity Management
borrowed.undelete
// @ts-expect-error a backend may erase at once: perhaps absent
export const until: number = (await (await identities(alice, im).generate({ params: 'Ed25519' })).delete()).undoUntil
// @ts-expect-error a claim is bytes
identities(alice, im).adopt(one.externalIdentity, 'claim')
// @ts-expect-error perhaps absent
alice.ask(some.commitmentEngine, { type: 'CommitmentRequest', data })
// @ts-expect-error a DecryptionRequest to a commitment engine
alice.ask(one.commitmentEngine, { type: 'DecryptionRequest', data })
// @ts-expect-error a tell that is not in the protocol
alice.tell(desk, { type: 'Aprove', ticket: '0' })
// @ts-expect-error a tell has no reply to ask for
alice.ask(desk, { type: 'Approve', ticket: '0' })
// @ts-expect-error a wrong field
alice.ask(one.commitmentEngine, { type: 'CommitmentRequest', data: 'ship' })
// @ts-expect-error a missing field
alice.ask(one.commitmentEngine, { type: 'CommitmentRequest' })
// @ts-expect-error a superfluous field
alice.ask(one.commitmentEngine, { type: 'CommitmentRequest', data, extra: 1 })
// @ts-expect-error an external identity is a name and no address
alice.ask(one.externalIdentity, { type: 'CommitmentRequest', data })
// @ts-expect-error a plain EngineID does not say what is spoken there
alice.ask(alice.id, { type: 'CommitmentRequest', data })
// @ts-expect-error another protocol's ref in a config
node.spawn(gate, { name: 'gate', config: { signer: both.decryptionEngine, patience: 1 } })
// @ts-expect-error wrong services at spawn
node.spawn(identityManagement, { name: 'im', services: { backends: [{}] } })
// @ts-expect-error no services at spawn
node.spawn(identityManagement, { name: 'im' })
// @ts-expect-error a strategy is the parent's, for all of its children
node.spawn(gate, { name: 'gate', config: { signer: one.commitmentEngine, patience: 1 }, supervision: { strategy: 'one-for-all' } })
// @ts-expect-error nothing that a crash may lead to
node.spawn(gate, { name: 'gate', config: { signer: one.commitmentEngine, patience: 1 }, supervision: { crash: 'resume' } })
// @ts-expect-error no config at spawn
node.spawn(gate, { name: 'gate' })
// @ts-expect-error params that no backend has
identities(alice, im).generate({ params: 'RSA' })

// ── behaviours ───────────────────────────────────────────────────────────────────────────────────────────────────
export const noSubmit: Behaviour<Gate> = {
  // @ts-expect-error SubmitRequest has no rule
  messages: { Approve: always(() => stop()) },
  answers: { sign: always(() => stop()) }, timers: { expire: always(() => stop()) },
}
// @ts-expect-error no rule for what tasks come to
export const noOutcomes: Behaviour<Worker> = { messages: { SubmitRequest: always(t => keep(t.replyTo)), Approve: always(() => stop()) } }
// @ts-expect-error no rule for answers and timers
export const noAnswers: Behaviour<Gate> = { messages: { SubmitRequest: always(t => keep(t.replyTo)), Approve: always(() => stop()) } }

export const wrong: Pick<Behaviour<Worker>, 'messages' | 'outcomes'>[] = [{
  // @ts-expect-error another request's response
  messages: { SubmitRequest: always(t => reply({ data: t.msg.data })), Approve: always(() => stop()) },
  // @ts-expect-error there is an output only when it is done
  outcomes: { work: always(t => reply({ commitment: t.output }, { to: t.input.replyTo })) },
}, {
  // @ts-expect-error a forgotten reply
  messages: { SubmitRequest: always((_t, _config, { done }) => update({ done: done + 1 })), Approve: always(() => stop()) },
  // @ts-expect-error a code that is not in the protocol
  outcomes: { work: always(t => reply(refuse('nope', ''), { to: t.input.replyTo })) },
}, {
  // @ts-expect-error no such task
  messages: { SubmitRequest: always(t => task('wrok', { data: t.msg.data, replyTo: t.replyTo }, { key: '' })), Approve: always(() => stop()) },
  // @ts-expect-error a misspelt field of the environment
  outcomes: { work: always((_t, _config, environment) => update({ ...environment, dnoe: 1 })) },
}, {
  // @ts-expect-error a task's input of another shape
  messages: { SubmitRequest: always(t => task('work', { data: t.msg.data }, { key: '' })), Approve: always(() => stop()) },
  // @ts-expect-error no such timer
  outcomes: { work: always(() => timer('later', { after: 1 })) },
}, {
  // @ts-expect-error an undeclared request's key
  messages: { SubmitRequest: always(t => request(desk, { type: 'SubmitRequest', data: t.msg.data }, { key: 'submit' })), Approve: always(() => stop()) },
  // @ts-expect-error a reply where no request is handled
  outcomes: { work: always(() => reply({ commitment: data })) },
}]

export const gateRules: Pick<Behaviour<Gate>, 'answers' | 'timers'> = {
  // @ts-expect-error the parent has no backends for its child to inherit
  answers: { sign: always(t => spawn(worker, { as: child(worker, t.self, 1), config: { signer: one.commitmentEngine, patience: 1 } })) },
  // @ts-expect-error the guard's output is the action's argument
  timers: { expire: rule(t => ({ handle: t.handle }), ({ handel }) => stop()) },
}
// @ts-expect-error forwarded to an engine that replies otherwise
export const astray: Rules<Gate, Asked<GateProtocol, 'SubmitRequest'>> = always(t => forward(t, one.commitmentEngine))

// ── custom names are no addresses ────────────────────────────────────────────────────────────────────────────────
declare const name: ExternalIdentity
// @ts-expect-error a name can't stand for an engine
export const ref: EngineRef<CommitmentProtocol> = name

// ── a machine as an engine ───────────────────────────────────────────────────────────────────────────────────────
const machine = setup({
  types: { events: {} as unknown as { type: 'submit'; size: number } | { type: 'approve' }, context: {} as unknown as { size: number }, input: {} as unknown as { patience: number } },
  actions: { answer: hostedAction<{ ticket: string }>(), take: hostedAction() },
  actors: { weigh: hostedTask<{ data: string }, number>() },
}).createMachine({
  context: ({ input }) => ({ size: input.patience }), initial: 'a',
  states: { a: { invoke: { src: 'weigh', input: { data: '' }, onDone: { actions: assign({ size: ({ event }) => event.output }) } } } },
})
interface Machine { protocol: GateProtocol; config: typeof gateConfig; machine: typeof machine }
declare const rest: Omit<MachineDefinition<Machine>, 'events' | 'tasks' | 'input' | 'actions'>
const events: MachineDefinition<Machine>['events'] = { SubmitRequest: ({ msg }) => ({ type: 'submit', size: msg.data.length }), Approve: () => ({ type: 'approve' }) }
const tasks = { weigh: ({ data: text }: { data: string }) => text.length }
const input = ({ patience }: { patience: number }) => ({ patience })

defineMachineEngine<Machine>({ ...rest, events, tasks, input, actions: { answer: ({ ticket }, { replyTo }) => [reply(refuse('expired', ticket)), ...replyTo ? [keep(replyTo)] : []] } })
// @ts-expect-error no task handler
defineMachineEngine<Machine>({ ...rest, events, input })
// @ts-expect-error no input
defineMachineEngine<Machine>({ ...rest, events, tasks })
// @ts-expect-error a message without an event
defineMachineEngine<Machine>({ ...rest, tasks, input, events: { Approve: () => ({ type: 'approve' }) } })
// @ts-expect-error an event that the machine does not have
defineMachineEngine<Machine>({ ...rest, tasks, input, events: { ...events, Approve: () => ({ type: 'disprove' }) } })
// @ts-expect-error a task that answers with something else
defineMachineEngine<Machine>({ ...rest, events, input, tasks: { weigh: () => 'text' } })
// @ts-expect-error an action that the machine does not have
defineMachineEngine<Machine>({ ...rest, events, tasks, input, actions: { nothing: () => [] } })
// @ts-expect-error params that the action does not have
defineMachineEngine<Machine>({ ...rest, events, tasks, input, actions: { answer: ({ text }) => [] } })
// @ts-expect-error an effect that the machine has in its own words
defineMachineEngine<Machine>({ ...rest, events, tasks, input, actions: { take: () => timer('after/x', { after: 1 }) } })
// @ts-expect-error a message that the machine has handled, put off
defineMachineEngine<Machine>({ ...rest, events, tasks, input, actions: { take: () => defer('later') } })
// @ts-expect-error what the family does not keep with its mailboxes
defineMachineEngine<Machine>({ ...rest, events, tasks, input, actions: { take: () => updateMailbox(0, 'text') } })
// @ts-expect-error no part of a definition
defineMachineEngine<Machine>({ ...rest, events, tasks, input, capacity: 5 })
