import assert from 'node:assert/strict'
import { z } from 'zod'
import {
  always, bytes, cancel, defineEngine, defineProtocol, engineID, engineRef, exchange, externalIdentity, identities, identityManagement, keep,
  localMemory, refuse, reply, request, rule, sameEngine, Table, timer, update, verify,
} from '../src/index.ts'
import type { Ask, CommitmentProtocol, IdentityManagementProtocol, ProtocolOf, ReplyTo, ResponseOf } from '../src/index.ts'
import type { Context } from './context.ts'

// ── an engine family of our own: a gate, which signs in an identity's name what somebody approves in time ────────

const gateProtocol = defineProtocol({
  id: 'example/gate', version: 1, codes: ['expired', 'not-signed'],
  requests: { SubmitRequest: exchange({ data: bytes() }, { commitment: bytes() }) },
  tells: { Approve: { ticket: z.string() } },
})
interface GateProtocol extends ProtocolOf<typeof gateProtocol> {}

const gateConfig = z.object({
  im: engineRef<IdentityManagementProtocol>(), identity: externalIdentity(), approver: engineID(), patience: z.number(),
})

type SubmitResponse = ResponseOf<GateProtocol, 'SubmitRequest'>
interface Submission { readonly data: Uint8Array; readonly isApproved: boolean; readonly replyTo: ReplyTo<SubmitResponse> }

/** Submissions are numbered from 0: that is their ticket, in which keys and timer handles end, as in `sign/7`. */
interface Gate {
  protocol: GateProtocol
  config: typeof gateConfig
  environment: { readonly tickets: number; readonly open: Table<Submission> }
  asks: { connect: Ask<IdentityManagementProtocol, 'ConnectIdentityRequest'>; sign: Ask<CommitmentProtocol, 'CommitmentRequest'> }
  timers: 'expire'
}

const gate = defineEngine<Gate>({
  protocol: gateProtocol, config: gateConfig, environment: () => ({ tickets: 0, open: Table.empty() }), open: true,
  behaviour: {
    messages: {
      SubmitRequest: always(function waitForApproval({ msg: { data }, replyTo }, { patience }, { tickets, open }) {
        const submission: Submission = { data, isApproved: false, replyTo }
        const next = { tickets: tickets + 1, open: open.set(`${tickets}`, submission) }
        return [keep(replyTo), timer(`expire/${tickets}`, { after: patience }), update(next)]
      }),
      Approve: rule(function checkApprover({ sender, msg: { ticket } }, { approver }, { open }) {
        const submission = open.get(ticket)
        return submission?.isApproved === false && sameEngine(sender, approver) ? submission : undefined
      }, function connectToIdentity(submission, { msg: { ticket } }, { im, identity: externalIdentity }, { tickets, open }) {
        const ask = { type: 'ConnectIdentityRequest', externalIdentity, backend: { type: 'LocalMemory' }, capabilities: 'Commit' } as const
        return [
          cancel(`expire/${ticket}`),
          request(im, ask, { key: `connect/${ticket}` }),
          update({ tickets, open: open.set(ticket, { ...submission, isApproved: true }) }),
        ]
      }),
    },
    answers: {
      connect: rule(function findSubmission({ key }, _config, { open }) {
        return open.get(ticketIn(key))
      }, function signSubmission({ data }, { key, reply: identity, failure }, _config, environment) {
        return identity && 'commitmentEngine' in identity
          ? request(identity.commitmentEngine, { type: 'CommitmentRequest', data }, { key: `sign/${ticketIn(key)}` })
          : settle(key, environment, refuse('not-signed', `Not signed: ${failure ?? 'this gate may not commit in the name of the identity'}`))
      }),
      sign: always(function answerSubmitter({ key, reply: signed, failure }, _config, environment) {
        return settle(key, environment, signed && 'commitment' in signed ? signed : refuse('not-signed', `Not signed: ${failure ?? signed?.err}`))
      }),
    },
    timers: {
      expire: always(function expire({ handle }, _config, environment) {
        return settle(handle, environment, refuse('expired', 'Expired: nobody approved in time'))
      }),
    },
  },
})

function ticketIn(key: string): string {
  return key.slice(key.indexOf('/') + 1)
}

/** Answers whoever submitted, and forgets the ticket. */
function settle(key: string, { tickets, open }: Gate['environment'], response: SubmitResponse) {
  const submission = open.get(ticketIn(key))
  return submission && [reply(response, { to: submission.replyTo }), update<Gate['environment']>({ tickets, open: open.delete(ticketIn(key)) })]
}

// ── its use ──────────────────────────────────────────────────────────────────────────────────────────────────────

export async function customEngine({ node, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const alice = node.client('alice')
  const bob = node.client('bob')
  const me = await identities(alice, im).generate({ params: 'Ed25519', capabilities: 'Commit' })
  const spawnGate = async (name: string, patience: number) => {
    const engine = await node.spawn(gate, { name, config: { im, identity: me.externalIdentity, approver: alice.id, patience } })
    await me.grant(engine, 'Commit')
    return engine
  }
  const patient = await spawnGate('gate', 60_000)
  const hasty = await spawnGate('hasty-gate', 20)
  const data = new TextEncoder().encode('ship v1')

  const { commitment } = await sequence('Bob submits, Alice approves', () => {
    const submitted = bob.ask(patient, { type: 'SubmitRequest', data })
    alice.tell(patient, { type: 'Approve', ticket: '0' })
    return submitted
  })
  assert.equal(await verify(me.externalIdentity, data, commitment), true)
  print(`Signed in Alice's name, ${commitment.length} bytes. Bob was granted nothing, and neither saw a key.`)

  await sequence('Nobody approves', () => assert.rejects(bob.ask(hasty, { type: 'SubmitRequest', data }), { code: 'expired' }))
  await sequence('Bob approves his own', async () => {
    const submitted = bob.ask(hasty, { type: 'SubmitRequest', data })
    bob.tell(hasty, { type: 'Approve', ticket: '1' })
    await assert.rejects(submitted, { code: 'expired' })
  })
  print('An approval that does not count is a dead letter: nothing is lost silently.')
}
