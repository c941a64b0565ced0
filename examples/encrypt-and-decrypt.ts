import assert from 'node:assert/strict'
import { encrypt, identities, identityManagement, localMemory } from '../src/index.ts'
import type { Context } from './context.ts'

/** Anyone encrypts to an identity by its name; only its Decryption engine decrypts. */
export async function encryptAndDecrypt({ node, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const mine = identities(node.client('alice'), im)
  const me = await mine.generate({ params: 'Ed25519', capabilities: 'Decrypt' })

  const ciphertext = await encrypt(me.externalIdentity, new TextEncoder().encode('meet at noon'))
  const plaintext = await sequence('Decrypting', () => me.decrypt(ciphertext))
  assert.equal(new TextDecoder().decode(plaintext), 'meet at noon')
  print('The plaintext is back. No observer saw it: its field is marked sensitive.')

  const another = await mine.generate({ params: 'Ed25519', capabilities: 'Decrypt' })
  await sequence('Decrypting what is for somebody else', () =>
    assert.rejects(another.decrypt(ciphertext), { code: 'decryption-failed' }))
  print('Refused, and nothing is said about why.')
}
