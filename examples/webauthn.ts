import assert from 'node:assert/strict'
import { createNode, encrypt, identities, identityManagement, verify } from '../src/index.ts'
import { openWebAuthn } from '../src/webauthn.ts'
import type { Context } from './context.ts'

/** People take longer than programs do: for each request, in milliseconds. */
const PATIENCE = 120_000

/** An identity whose keys a security key or passkey has: a page asks the person before anything is signed or decrypted. */
export async function webauthn({ observe, print, sequence }: Context): Promise<void> {
  const data = new TextEncoder().encode('Pay 100 EUR to Ada Lovelace')
  await using pages = await openWebAuthn({ port: 0, patience: PATIENCE })
  // Engines wait as long as people do, and askers a little longer, so that they hear why.
  await using node = await createNode({ askDeadline: PATIENCE + 20_000, portableCrypto: true })
  observe(node)
  const im = await node.spawn(identityManagement, { name: 'identity-management', config: { backendDeadline: PATIENCE + 10_000 }, services: { backends: [pages.backend] } })
  const client = identities(node.client('alice'), im)
  console.error(`Open this page, with a security key at hand:\n${pages.url}`)

  const me = await sequence('Generating an identity', () =>
    client.generate({ backend: pages.backend.name, params: 'P256', capabilities: 'CommitAndDecrypt' }))
  print('The security key made its keys. The name says of which site, and that it verifies its user.')

  const commitment = await sequence('Committing', () => me.commit(data))
  assert.ok(await verify(me.externalIdentity, data, commitment))
  print('The person saw what was signed. Anyone can verify that: no page and no key is needed.')

  const ciphertext = await encrypt(me.externalIdentity, new TextEncoder().encode('meet at noon'))
  const plaintext = await sequence('Decrypting', () => me.decrypt(ciphertext))
  assert.equal(new TextDecoder().decode(plaintext), 'meet at noon')
  print('It was encrypted to the name alone, and decrypted in the page: the security key gave the key that unwraps the key.')
}
