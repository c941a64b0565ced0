import assert from 'node:assert/strict'
import { openHid } from '../src/hid.ts'
import type { Hid, Prompt } from '../src/hid.ts'
import { createNode, encrypt, identities, identityManagement, verify } from '../src/index.ts'
import type { Identities, Node, Owned } from '../src/index.ts'
import { PluggedKey } from './plugged-key.ts'
import type { Step } from './steps.ts'

const PIN = 'correct horse'
/** Milliseconds that the person has in the steps where nobody touches, as the guest's processor is slow. */
const PATIENCE = 30_000
const hid = { type: 'LocalConnection', subtype: 'hid' } as const
const data = new TextEncoder().encode('ship v1')

/** What the HID backend does with authenticators that it finds through the kernel: a key is taken out while it waits, and put back. */
export function backendSteps(): readonly Step[] {
  let key: PluggedKey
  let parts: { readonly node: Node; readonly hid: Hid; readonly mine: Identities; readonly person: Person }
  const owned: Owned<'CommitAndDecrypt'>[] = []
  return [
    { name: 'the backend opens', run: async () => {
      key = await PluggedKey.new({ pin: PIN })
      parts = await opened()
      assert.deepEqual((await parts.hid.devices()).map(({ path }) => path), [key.path])
    } },
    ...(['P256', 'Ed25519'] as const).flatMap(params => [
      { name: `an identity of ${params} is generated on the key`, run: async () => void owned.push(await parts.mine.generate({ params, backend: hid })) },
      { name: 'it commits, and what it committed verifies', run: () => commits(last(owned)) },
      { name: 'it decrypts', run: () => decrypts(last(owned)) },
    ]),
    { name: 'what needs an absent key waits until it is plugged in', run: async () => {
      await key.unplug()
      parts.person.inserts = () => key.plug()
      await commits(last(owned))
      parts.person.inserts = () => {}
    } },
    { name: 'what a key is taken out of fails', run: async () => {
      await key.unplug()
      key = await PluggedKey.new({ pin: PIN, person: 'waits' })
      parts.person.touches = () => key.unplug()
      await assert.rejects(parts.mine.generate({ params: 'P256', backend: hid }), { code: 'device-gone' })
    } },
    { name: 'it closes', run: async () => {
      await parts.hid.close()
      await parts.node.stop()
    } },
  ]
}

async function opened() {
  const node = await createNode()
  const person = new Person()
  const keys = await openHid(node, { prompt: person, patience: PATIENCE })
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [keys.backend] } })
  return { node, hid: keys, person, mine: identities(node.client('alice'), im) }
}

async function commits(me: Owned<'CommitAndDecrypt'>): Promise<void> {
  const commitment = await me.commit(data)
  assert.equal(await verify(me.externalIdentity, data, commitment), true)
  assert.equal(await verify(me.externalIdentity, new TextEncoder().encode('ship v2'), commitment), false)
}

async function decrypts(me: Owned<'CommitAndDecrypt'>): Promise<void> {
  assert.deepEqual(await me.decrypt(await encrypt(me.externalIdentity, data)), data)
}

/** Knows the PIN. What they do beside that, a step says. */
class Person implements Prompt {
  inserts: () => unknown = () => {}
  touches: () => unknown = () => {}

  insert(): void {
    this.inserts()
  }

  choose(): void {}

  touch(): void {
    this.touches()
  }

  async pin(): Promise<string> {
    return PIN
  }
}

function last<T>(all: readonly T[]): T {
  const found = all.at(-1)
  assert(found)
  return found
}
