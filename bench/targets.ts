/** A bound on one number of a row. */
export interface Target {
  readonly of: 'ratio' | 'ours' | 'addedMicroseconds'
  readonly atLeast?: number
  readonly atMost?: number
  readonly text: string
}

const faster = (times: number): Target => ({ of: 'ratio', atLeast: times, text: `≥ ${times}` })
const atMost = (of: Target['of'], most: number, unit: string): Target => ({ of, atMost: most, text: `≤ ${most}${unit}` })

/** What is to be reached, by name and peer or name and variant. What is not here is published as it is. */
const TARGETS: { readonly [row: string]: Target } = {
  'tell nact': faster(18),
  'tell Erlang': faster(2),
  'ping-pong nact': faster(8),
  'ping-pong Erlang': faster(1.3),
  'ask nact': faster(4),
  'ask-100 nact': faster(4),
  'spawn nact': faster(5),
  'idle-engine open': atMost('ours', 400, ' bytes'),
  'idle-engine closed': atMost('ours', 500, ' bytes'),
  'idle-engine open, spawned by the host': atMost('ours', 400, ' bytes'),
  'idle-engine closed, spawned by the host': atMost('ours', 500, ' bytes'),
  'backlog a backlog of 1,000': atMost('ratio', 1.5, ''),
  'loop-delay ping-pong': atMost('ours', 5, ' ms'),
  'loop-delay ask': atMost('ours', 5, ' ms'),
  'commit bare signer': atMost('addedMicroseconds', 5, ' µs added'),
  'hosted-machine XState': faster(0.9),
  'commit-ed25519 OpenSSL in a loop': faster(0.9),
  'commit-ed25519-cores one core': faster(1.3),
  'commit-secp256k1 portable': faster(10),
  'commit-p256 portable': faster(10),
  'commit-mldsa65 portable': faster(4),
  'commit-bls portable': faster(20),
  'verify-bls-batch one by one': faster(2),
  'decrypt-1k bare primitives': faster(0.85),
  'loop-delay-signing Ed25519': atMost('ours', 10, ' ms'),
  'loop-delay-signing all schemes': atMost('ours', 10, ' ms'),
  'loop-delay-signing batches': atMost('ours', 10, ' ms'),
}

export function targetOf({ name, peer, variant }: { readonly name: string; readonly peer: string; readonly variant?: string }): Target | undefined {
  return TARGETS[`${name} ${variant ?? peer}`]
}
