import assert from 'node:assert/strict'
import { assign, emit, setup } from 'xstate'
import { z } from 'zod'
import { defineProtocol, engineID, exchange, identities, identityManagement, keep, localMemory, refuse, reply, sameEngine, verify } from '../src/index.ts'
import type { EngineID, ProtocolOf, ReplyTo, ResponseOf } from '../src/index.ts'
import { defineMachineEngine, hostedAction } from '../src/xstate.ts'
import type { Context } from './context.ts'

// ── an approval: it waits, reminds whoever is to approve, and expires ────────────────────────────────────────────
const approvalProtocol = defineProtocol({
  id: 'example/approval', version: 1, codes: ['declined', 'expired'],
  requests: { ApprovalRequest: exchange({ question: z.string() }, { approver: engineID() }) },
  tells: { Decide: { approve: z.boolean() } },
})
interface ApprovalProtocol extends ProtocolOf<typeof approvalProtocol> {}
type Asker = ReplyTo<ResponseOf<ApprovalProtocol, 'ApprovalRequest'>>
const approvalConfig = z.object({ approver: engineID(), reminder: z.number(), patience: z.number() })
type Event = { type: 'ask'; question: string; asker: Asker } | { type: 'decide'; by: EngineID; approve: boolean }

const machine = setup({
  types: {
    context: {} as z.output<typeof approvalConfig> & { question: string; asker: Asker | null },
    events: {} as Event,
    input: {} as z.output<typeof approvalConfig>,
  },
  actions: { wait: hostedAction(), answer: hostedAction<'approved' | 'declined' | 'expired'>() },
  guards: {
    isApproved: ({ context, event }) => event.type === 'decide' && event.approve && sameEngine(event.by, context.approver),
    isDeclined: ({ context, event }) => event.type === 'decide' && !event.approve && sameEngine(event.by, context.approver),
  },
  delays: { reminder: ({ context }) => context.reminder, patience: ({ context }) => context.patience },
}).createMachine({
  id: 'approval', initial: 'idle',
  context: ({ input }) => ({ ...input, question: '', asker: null }),
  states: {
    idle: { on: { ask: { target: 'waiting', actions: [assign({ question: ({ event }) => event.question, asker: ({ event }) => event.asker }), 'wait'] } } },
    waiting: {
      initial: 'quiet',
      states: { quiet: { after: { reminder: { target: 'quiet', reenter: true, actions: emit(({ context }) => ({ type: 'reminder', question: context.question })) } } } },
      on: {
        decide: [
          { guard: 'isApproved', target: 'idle', actions: { type: 'answer', params: 'approved' } },
          { guard: 'isDeclined', target: 'idle', actions: { type: 'answer', params: 'declined' } },
        ],
      },
      after: { patience: { target: 'idle', actions: { type: 'answer', params: 'expired' } } },
    },
  },
})

interface Approval { protocol: ApprovalProtocol; config: typeof approvalConfig; machine: typeof machine }

const approval = defineMachineEngine<Approval>({
  protocol: approvalProtocol, config: approvalConfig, machine, open: true,
  input: config => config,
  events: {
    ApprovalRequest: ({ msg, replyTo }) => ({ type: 'ask', question: msg.question, asker: replyTo }),
    Decide: ({ msg, sender }) => ({ type: 'decide', by: sender, approve: msg.approve }),
  },
  actions: {
    wait: (_, { replyTo }) => replyTo === undefined ? [] : keep(replyTo),
    answer: (end, { context: { asker, approver } }) => asker === null ? []
      : reply(end === 'approved' ? { approver } : refuse(end, `The approval is ${end}`), { to: asker }),
  },
})

// ── its use: a release is signed when it was approved ────────────────────────────────────────────────────────────
export async function xstateMachine({ node, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const [alice, bob, mallory] = [node.client('alice'), node.client('bob'), node.client('mallory')]
  const release = await node.spawn(approval, { name: 'release', config: { approver: bob.id, reminder: 20, patience: 50 } })
  const me = await identities(alice, im).generate({ params: 'Ed25519', capabilities: 'Commit' })
  const question = 'ship v1'
  const data = new TextEncoder().encode(question)

  const commitment = await sequence('Bob approves, and Alice signs', async () => {
    const approved = alice.ask(release, { type: 'ApprovalRequest', question })
    // The machine has no transition for what Mallory says: a dead letter.
    for (const voter of [mallory, bob]) voter.tell(release, { type: 'Decide', approve: true })
    assert.deepEqual(await approved, { approver: bob.id })
    return me.commit(data)
  })
  assert.equal(await verify(me.externalIdentity, data, commitment), true)
  print('Who decided is what the runtime says, not what a message says.')

  await sequence('Bob is reminded twice, and says nothing', () => assert.rejects(alice.ask(release, { type: 'ApprovalRequest', question }), { code: 'expired' }))
  print('The approval has expired, and waits for the next question.')
}
