import assert from 'node:assert/strict'
import { z } from 'zod'
import { always, cancel, defineEngine, defineProtocol, engineID, exchange, identities, identityManagement, keep, localMemory, refuse, reply, rule, sameEngine, Table, timer, update, verify } from '../src/index.ts'
import type { EngineID, ProtocolOf, ReplyTo, ResponseOf } from '../src/index.ts'
import type { Context } from './context.ts'

// ── an engine family of our own: a ballot, which answers when enough have approved, or nobody did in time ────────
const ballotProtocol = defineProtocol({
  id: 'example/ballot', version: 1, codes: ['expired', 'open-already'],
  requests: { OpenRequest: exchange({ question: z.string(), quorum: z.number().int().positive() }, { voters: z.array(engineID()) }) },
  tells: { Approve: { question: z.string() } },
})
interface BallotProtocol extends ProtocolOf<typeof ballotProtocol> {}
const ballotConfig = z.object({ patience: z.number() })
interface Vote { readonly quorum: number; readonly voters: readonly EngineID[]; readonly replyTo: ReplyTo<ResponseOf<BallotProtocol, 'OpenRequest'>> }
interface Ballot { protocol: BallotProtocol; config: typeof ballotConfig; environment: { readonly votes: Table<Vote> }; timers: 'expire' }

const ballot = defineEngine<Ballot>({
  protocol: ballotProtocol, config: ballotConfig, environment: () => ({ votes: Table.empty() }), open: true,
  behaviour: {
    messages: {
      OpenRequest: always(function openVote({ msg: { question, quorum }, replyTo }, { patience }, { votes }) {
        if (votes.has(question)) return reply(refuse('open-already', 'Open already: wait for its result'))
        return [keep(replyTo), timer(`expire/${question}`, { after: patience }), update({ votes: votes.set(question, { quorum, voters: [], replyTo }) })]
      }),
      Approve: rule(function checkVoter({ msg, sender }, _config, { votes }) {
        const vote = votes.get(msg.question)
        return vote?.voters.some(voter => sameEngine(voter, sender)) ? undefined : vote
      }, function countVote({ quorum, voters, replyTo }, { msg: { question }, sender }, _config, { votes }) {
        const all = [...voters, sender]
        return all.length < quorum ? update({ votes: votes.set(question, { quorum, voters: all, replyTo }) })
          : [reply({ voters: all }, { to: replyTo }), cancel(`expire/${question}`), update({ votes: votes.delete(question) })]
      }),
    },
    timers: {
      expire: rule(({ handle }, _config, { votes }) => votes.get(handle.slice('expire/'.length)), function expire({ replyTo }, { handle }, _config, { votes }) {
        return [reply(refuse('expired', 'Expired: not enough approved in time'), { to: replyTo }), update({ votes: votes.delete(handle.slice('expire/'.length)) })]
      }),
    },
  },
})

// ── its use: a release is signed when two have approved ──────────────────────────────────────────────────────────
export async function customEngine({ node, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const votes = await node.spawn(ballot, { name: 'ballot', config: { patience: 50 } })
  const [alice, bob, carol] = [node.client('alice'), node.client('bob'), node.client('carol')]
  const me = await identities(alice, im).generate({ params: 'Ed25519', capabilities: 'Commit' })
  const question = 'ship v1'
  const data = new TextEncoder().encode(question)

  const commitment = await sequence('Two approve, and Alice signs', async () => {
    const result = alice.ask(votes, { type: 'OpenRequest', question, quorum: 2 })
    // Bob approves twice: that is one voter, and a dead letter.
    for (const voter of [bob, bob, carol]) voter.tell(votes, { type: 'Approve', question })
    assert.deepEqual(await result, { voters: [bob.id, carol.id] })
    return me.commit(data)
  })
  assert.equal(await verify(me.externalIdentity, data, commitment), true)
  print('Two voters, one commitment. Who voted is what the runtime says, not what a message says.')

  await sequence('Nobody approves', () => assert.rejects(alice.ask(votes, { type: 'OpenRequest', question, quorum: 2 }), { code: 'expired' }))
  print('A vote that nobody takes part in ends by its timer.')
}
