import { createHash } from 'node:crypto'
import { cryptosystemOf } from '../src/backends/local-memory/offer.ts'
import { nameOf } from '../src/backends/local-memory/secrets.ts'
import { identityKey } from '../src/backends/vault/rows.ts'
import { deriveKey } from '../src/crypto/sealing.ts'
import { params } from './plan.ts'
import type { Paused } from './plan.ts'

/** A secret of the program that is looked at, as only the one who looks may have it. */
export interface Secret {
  readonly label: string
  readonly bytes: Buffer
}

/** What the program drew, and what it computes of that. Throws where the keys are not those of the program's identities: then something else would be looked for. */
export function secretsOf({ secrets, names }: Pick<Paused, 'secrets' | 'names'>): readonly Secret[] {
  const drawn = secrets.map(({ label, mask, masked }) => ({ label, bytes: xor(Buffer.from(mask, 'hex'), Buffer.from(masked, 'hex')) }))
  const under = (label: string) => drawn.filter(one => one.label === label).map(({ bytes }) => bytes)
  let at = 0
  const keys = params.flatMap(one => {
    const system = cryptosystemOf(one)
    const encryption = under(`encryption key: ${one}`)
    return under(`signing key: ${one}`).flatMap((seed, i): readonly Secret[] => {
      const pair = { signing: system.suite.generate(() => Uint8Array.from(seed)), encryption: Uint8Array.from(encryption[i] ?? []) }
      if (nameOf(system, pair, 'framed').name !== names[at++]) throw new TypeError(`These are not the keys of ${names[at - 1] ?? 'any identity'}`)
      const signing = Buffer.from(pair.signing)
      return [
        { label: `signing key: ${one}`, bytes: signing },
        ...signing.equals(seed) ? [] : [{ label: `seed of a key: ${one}`, bytes: seed }],
        ...(expanded[one]?.(signing) ?? []).map(bytes => ({ label: `expanded: ${one}`, bytes })),
        ...(expanded[system.scheme.name]?.(Buffer.from(pair.encryption)) ?? []).map(bytes => ({ label: `expanded: ${system.scheme.name}`, bytes })),
      ]
    })
  })
  const roots = under('root key').flatMap(root => [deriveKey(root, 'vault/digest'), ...names.map(name => deriveKey(root, 'vault/row', identityKey(name)))])
  return [...drawn.filter(({ label }) => !label.startsWith('signing key')), ...keys, ...roots.map(key => ({ label: 'derived from the root key', bytes: Buffer.from(key) }))]
}

/** What is computed of a key before it is used. */
const expanded: { readonly [scheme: string]: (key: Buffer) => readonly Buffer[] } = {
  // RFC 8032, section 5.1.5: the scalar, and what nonces are hashed with.
  Ed25519(key) {
    const hash = createHash('sha512').update(key).digest()
    const scalar = Buffer.from(hash.subarray(0, 32))
    scalar[0] = (scalar[0] ?? 0) & 248
    scalar[31] = (scalar[31] ?? 0) & 63 | 64
    return [scalar, hash.subarray(32)]
  },
  // FIPS 204, algorithm 6: ρ′, K; ρ is public.
  MLDSA65(key) {
    const seeds = createHash('shake256', { outputLength: 128 }).update(key).update(Uint8Array.of(6, 5)).digest()
    return [seeds.subarray(32, 64), seeds.subarray(64, 96), seeds.subarray(96)]
  },
  // expandDecapsulationKey: d and z of ML-KEM, and the key of X25519.
  'X-Wing'(key) {
    const seeds = createHash('shake256', { outputLength: 96 }).update(key).digest()
    return [seeds.subarray(0, 32), seeds.subarray(32, 64), seeds.subarray(64)]
  },
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)))
}
