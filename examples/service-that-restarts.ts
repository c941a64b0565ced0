import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNode, identities, identityManagement, parseExternalIdentity, verify } from '../src/index.ts'
import { lmdbStore } from '../src/lmdb.ts'
import { fileKeyslots, keyFile, newKeyFile, openVault } from '../src/vault.ts'
import type { Context } from './context.ts'

const data = new TextEncoder().encode('still here')

/** What the service says when it has signed. */
interface Signed {
  readonly name: string
  readonly commitment: Uint8Array
}

/** A node whose identities outlast it, and which starts unattended. */
async function open(folder: string) {
  const store = await lmdbStore({ path: join(folder, 'store') })
  const vault = await openVault({ store, keyslots: fileKeyslots(join(folder, 'keyslots')), unlock: keyFile(join(folder, 'key')) })
  return { store, vault, node: await createNode({ store }) }
}

/** Signs in the name of the identity that the service has, or of a first one. */
async function sign({ node, vault }: Pick<Awaited<ReturnType<typeof open>>, 'node' | 'vault'>): Promise<Signed> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [vault.backend] } })
  const mine = identities(node.client('service'), im)
  const [known] = await mine.list()
  const identity = known === undefined ? await mine.generate({ params: 'Ed25519', capabilities: 'Commit' }) : await mine.connect(known.externalIdentity, 'Commit')
  return { name: identity.externalIdentity.name, commitment: await identity.commit(data) }
}

/** Kills a service that has signed, and starts it again: it signs under the same name. */
export async function serviceThatRestarts({ observe, print, sequence }: Context): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ipse-service-'))
  try {
    await newKeyFile(join(folder, 'key'))
    const names = new Set<string>()
    const check = async ({ name, commitment }: Signed) => {
      assert.ok(await verify(parseExternalIdentity(name), data, commitment))
      names.add(name)
    }
    for (let start = 1; start <= 3; start++) {
      const service = fork(import.meta.filename, [folder], { serialization: 'advanced' })
      const [signed]: readonly Signed[] = await once(service, 'message')
      assert.ok(signed !== undefined)
      await check(signed)
      print(`Start ${start}: it has signed as ${signed.name}, and is killed.`)
      service.kill('SIGKILL')
      await once(service, 'exit')
    }
    const { store, vault, node } = await open(folder)
    observe(node)
    await sequence('Signing again, in this process', async () => check(await sign({ node, vault })))
    assert.equal(names.size, 1)
    print('It was the same identity each time. On the disk it is sealed under a key that lies in a file beside it, for whoever may read that.')
    await node.stop()
    await vault.close()
    await store.close()
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function serve(folder: string): Promise<void> {
  process.send?.(await sign(await open(folder)))
}

const [, program, folder] = process.argv
if (program === import.meta.filename && folder !== undefined) await serve(folder)
