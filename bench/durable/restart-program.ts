import { argv, stdout } from 'node:process'
import { createNode, identities, identityManagement, parseExternalIdentity, verify } from '../../src/index.ts'
import { assertComplete } from '../rounds.ts'
import { openPlaceVault, openStore } from './place.ts'

// One restart, in a process of its own as restarts are: nothing is compiled yet. Its arguments are a folder, how many identities are there, and the name of
// one; its output is a line of JSON, the `Restart` of restart.ts.

const [, , folder = '', count = '', name = ''] = argv
const known = parseExternalIdentity(name)
const data = new Uint8Array(32).fill(7)

let last = performance.now()
let block = 0
const watch = setInterval(look, 1)
const [begun, store] = [performance.now(), await openStore(folder)]
const [opened, vault] = [performance.now(), await openPlaceVault(folder, store)]
const [unlocked, node] = [performance.now(), await createNode({ store })]
const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [vault.backend] } })
const [spawned, of] = [performance.now(), identities(node.client('bench'), im)]
const identity = await of.connect(known, 'CommitAndDecrypt')
const answered = performance.now()
look()
clearInterval(watch)

if (!await verify(known, data, await identity.commit(data))) throw new Error('restart: what was committed does not verify')
assertComplete('restart', (await of.list()).length, Number(count))
await node.stop()
await vault.close()
await store.close()
stdout.write(JSON.stringify({ whole: answered - begun, store: opened - begun, vault: unlocked - opened, engine: spawned - unlocked, connect: answered - spawned, block }))

/** Notes for how long the event loop did nothing else than one thing. */
function look(): void {
  const now = performance.now()
  block = Math.max(block, now - last)
  last = now
}
