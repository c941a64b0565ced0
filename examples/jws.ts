import assert from 'node:assert/strict'
import { p256 } from '@noble/curves/nist.js'
import { base64url, compactVerify } from 'jose'
import type { JWK } from 'jose'
import { parseIdentityName } from '../src/crypto.ts'
import { identities, identityManagement, localMemory } from '../src/index.ts'
import type { Context } from './context.ts'

/** A Commitment engine signs a JSON Web Signature, which jose verifies: an identity of format `raw` signs what others define. */
export async function jws({ node, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const mine = identities(node.client('alice'), im)
  const [payload, otherPayload] = ['ship v1', 'ship v2'].map(text => base64url.encode(text))

  for (const [params, alg] of [['Ed25519', 'EdDSA'], ['P256', 'ES256']] as const) {
    const me = await mine.generate({ params, format: 'raw', capabilities: 'Commit' })
    const protectedHeader = base64url.encode(JSON.stringify({ alg }))
    // RFC 7515, section 5.1, by hand: jose signs with keys that it is given, and has no way in for a signer elsewhere.
    const input = new TextEncoder().encode(`${protectedHeader}.${payload}`)
    const signature = base64url.encode(await sequence(`Signing a JWS with ${alg}`, () => me.commit(input)))

    const jwk = publicJWK(me.externalIdentity.name)
    const verified = await compactVerify(`${protectedHeader}.${payload}.${signature}`, jwk, { algorithms: [alg] })
    assert.equal(new TextDecoder().decode(verified.payload), 'ship v1')
    await assert.rejects(compactVerify(`${protectedHeader}.${otherPayload}.${signature}`, jwk), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
    print(`jose has verified ${protectedHeader}.${payload}.${signature}`)
  }
}

/** The signing key that an identity's name holds, as RFC 7518 (P-256) and RFC 8037 (Ed25519) have it. */
function publicJWK(name: string): JWK {
  const { sign } = parseIdentityName(name)
  assert(sign)
  if (sign.suite.params === 'Ed25519') return { kty: 'OKP', crv: 'Ed25519', x: base64url.encode(sign.publicKey) }
  const point = p256.Point.fromBytes(sign.publicKey).toBytes(false)
  return { kty: 'EC', crv: 'P-256', x: base64url.encode(point.subarray(1, 33)), y: base64url.encode(point.subarray(33)) }
}
