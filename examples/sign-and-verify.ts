import assert from 'node:assert/strict'
import { identities, identityManagement, localMemory, parseExternalIdentity, verify } from '../src/index.ts'
import type { Context } from './context.ts'

/** An identity signs; anyone verifies, with its name alone. */
export async function signAndVerify({ node, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const data = new TextEncoder().encode('ship v1')

  for (const params of ['Ed25519', 'Secp256k1', 'BLS', 'P256'] as const) {
    const me = await identities(node.client('alice'), im).generate({ params, capabilities: 'Commit' })
    const commitment = await sequence(`Signing with ${params}`, () => me.commit(data))

    // Elsewhere: the name is text, and verifying needs no node.
    const signer = parseExternalIdentity(me.externalIdentity.name)
    assert.equal(await verify(signer, data, commitment), true)
    assert.equal(await verify(signer, new TextEncoder().encode('ship v2'), commitment), false)
    print(`A commitment of ${commitment.length} bytes. It holds for "ship v1", and not for "ship v2".`)
  }
}
