import assert from 'node:assert/strict'
import { z } from 'zod'
import {
  always, createNode, defineEngine, defineProtocol, engineID, exchange, formatEngineID, identities, identityManagement, keep, localMemory, reply, Table, update, verify, watch,
} from '../src/index.ts'
import type { ProtocolOf, ReplyTo, ResponseOf } from '../src/index.ts'
import type { Context } from './context.ts'

// ── an engine that answers when another has ended, wherever that lives ───────────────────────────────────────────
const guardProtocol = defineProtocol({
  id: 'example/guard', version: 1, codes: [], tells: {},
  requests: { EndRequest: exchange({ engine: engineID() }, { reason: z.string() }) },
})
interface GuardProtocol extends ProtocolOf<typeof guardProtocol> {}
const guardConfig = z.object({})
interface Guard { protocol: GuardProtocol; config: typeof guardConfig; environment: { readonly waiting: Table<ReplyTo<ResponseOf<GuardProtocol, 'EndRequest'>>> } }

const guard = defineEngine<Guard>({
  protocol: guardProtocol, config: guardConfig, environment: () => ({ waiting: Table.empty() }), open: true,
  behaviour: {
    messages: {
      EndRequest: always(function watchEngine({ msg: { engine }, replyTo }, _config, { waiting }) {
        return [keep(replyTo), watch(engine), update({ waiting: waiting.set(formatEngineID(engine), replyTo) })]
      }),
    },
    terminated: always(function tellOfEnd({ engine, reason }, _config, { waiting }) {
      const to = waiting.get(formatEngineID(engine))
      return to && [reply({ reason }, { to }), update({ waiting: waiting.delete(formatEngineID(engine)) })]
    }),
  },
})

/** An identity lives on one node and is used from another. What ends there, or can't be reached any more, is told here. */
export async function twoNodes({ node, network, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const wire = network.transport()
  await using far = await createNode({ transport: wire })
  const alice = far.client('alice')
  const data = new TextEncoder().encode('ship v1')

  const me = await sequence('Generating an identity on another node', () => identities(alice, im).generate({ params: 'Ed25519', capabilities: 'Commit' }))
  const commitment = await sequence('Signing from afar', () => me.commit(data))
  assert.equal(await verify(me.externalIdentity, data, commitment), true)
  print('The key stays on its node. The sender is what the transport has authenticated.')

  const mallory = node.client('alice')
  await sequence('A neighbour of the same name', () => assert.rejects(mallory.ask(me.commitmentEngine, { type: 'CommitmentRequest', data }), { code: 'not-acquainted' }))

  const guardThere = await far.spawn(guard, { name: 'guard' })
  await sequence('Watching from afar', async () => {
    const ended = alice.ask(guardThere, { type: 'EndRequest', engine: im })
    await me.commit(data)
    await node.stop(im)
    assert.deepEqual(await ended, { reason: 'stopped' })
  })

  const carol = node.client('carol')
  const guardHere = await node.spawn(guard, { name: 'guard' })
  await sequence('The link is lost', async () => {
    const ended = carol.ask(guardHere, { type: 'EndRequest', engine: guardThere })
    const asked = carol.ask(guardThere, { type: 'EndRequest', engine: guardHere })
    await wire.close()
    assert.deepEqual(await ended, { reason: 'unreachable' })
    await assert.rejects(asked, { code: 'unreachable' })
  })
  print('Nobody waits for what will not come: the request failed, and the watch ended.')
}
