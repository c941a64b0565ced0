import assert from 'node:assert/strict'
import { z } from 'zod'
import { always, child, defineEngine, defineProtocol, exchange, forward, identities, identityManagement, localMemory, reply, spawn, update, verify } from '../src/index.ts'
import type { EngineRef, ProtocolOf } from '../src/index.ts'
import type { Context } from './context.ts'

const protocol = defineProtocol({
  id: 'example/stamping', version: 1, codes: [], requests: { StampRequest: exchange({ text: z.string() }, { stamped: z.string() }) }, tells: {},
})
interface StampingProtocol extends ProtocolOf<typeof protocol> {}
const config = z.object({})

// ── a clerk, who counts the papers it stamps, and crashes on an empty one ────────────────────────────────────────
interface Clerk { protocol: StampingProtocol; config: typeof config; environment: { readonly stamps: number; readonly life: number } }

const clerk = defineEngine<Clerk>({
  id: 'example/clerk', protocol, config,
  // Each life begins with what this makes: what the one before knew is gone with what made it crash.
  environment: (_config, { restarts }) => ({ stamps: 0, life: restarts }),
  behaviour: { messages: {
    StampRequest: always(function stamp({ msg: { text } }, _config, environment) {
      if (text === '') throw new Error('There is nothing to stamp')
      const stamps = environment.stamps + 1
      return [reply({ stamped: `${text}: stamp ${stamps} of life ${environment.life}` }), update({ ...environment, stamps })]
    }),
  } },
})

// ── an office, which hands papers to its clerk ───────────────────────────────────────────────────────────────────
interface Office { protocol: StampingProtocol; config: typeof config; environment: { readonly children: number; readonly clerk: EngineRef<StampingProtocol> | null } }

const office = defineEngine<Office>({
  id: 'example/office', protocol, config, open: true,
  // Children are numbered on from where the last life was: names are never used twice.
  environment: (_config, { nextChild }) => ({ children: nextChild, clerk: null }),
  children: () => [clerk],
  // Two restarts in a minute, after 20 ms and 40 ms; then the office crashes too, which the host deals with.
  supervision: { restarts: 2, within: 60_000, backoff: { first: 20, longest: 1_000 } },
  behaviour: { messages: {
    StampRequest: always(function handOn(asked, _config, environment) {
      if (environment.clerk !== null) return forward(asked, environment.clerk)
      const hired = child(clerk, asked.self, environment.children)
      return [forward(asked, hired), spawn(clerk, { as: hired }), update({ children: environment.children + 1, clerk: hired })]
    }),
  } },
})

// ── its use ──────────────────────────────────────────────────────────────────────────────────────────────────────
export async function supervision({ node, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const place = await node.spawn(office, { name: 'office', supervision: { restarts: 1, within: 60_000 } })
  const alice = node.client('alice')
  const me = await identities(alice, im).generate({ params: 'Ed25519', capabilities: 'Commit' })
  const stamp = async (text: string) => (await alice.ask(place, { type: 'StampRequest', text })).stamped
  const crash = () => assert.rejects(stamp(''), { code: 'crashed' })

  await sequence('The clerk crashes, restarts, and goes on with what waits', async () => {
    assert.equal(await stamp('a deed'), 'a deed: stamp 1 of life 0')
    await crash()
    // These two wait in the clerk's mailbox until it is back.
    assert.deepEqual(await Promise.all([stamp('a will'), stamp('a lease')]), ['a will: stamp 1 of life 1', 'a lease: stamp 2 of life 1'])
  })
  print('To all who know it the clerk is the same. Only the paper that crashed it failed, and is a dead letter.')

  await sequence('It crashes twice more: its restarts are used up, and the office restarts', async () => {
    await crash()
    assert.equal(await stamp('a bill'), 'a bill: stamp 1 of life 2')
    await crash()
    assert.equal(await stamp('a bond'), 'a bond: stamp 1 of life 0')
  })
  print('The office began anew, and hired another clerk, with the next number.')

  await sequence('What the office cannot deal with a second time, the host ends', async () => {
    for (let life = 1; life <= 2; life++) {
      await crash()
      assert.equal(await stamp('a note'), `a note: stamp 1 of life ${life}`)
    }
    await crash()
    await assert.rejects(stamp('a cheque'), { code: 'stopped' })
  })
  const data = new TextEncoder().encode('the office is closed')
  assert.equal(await verify(me.externalIdentity, data, await me.commit(data)), true)
  print('The office is gone, and its clerk. Nothing else on the node noticed.')
}
