import { ask } from './ask.ts'
import { backlog } from './backlog.ts'
import { commit } from './commit.ts'
import { decrypt1k } from './decrypting.ts'
import { growth } from './growth.ts'
import { hostedMachine } from './hosted-machine.ts'
import { idleEngine } from './idle-engine.ts'
import { loopDelay, loopDelaySigning } from './loop-delay.ts'
import { generateDurable } from './durable/generate.ts'
import { identityMemory } from './durable/memory.ts'
import { restarting } from './durable/restart.ts'
import { unlock } from './durable/unlock.ts'
import { effect } from './peers/effect.ts'
import { erlang } from './peers/erlang.ts'
import { nact } from './peers/nact.ts'
import type { Peer } from './peers/peer.ts'
import { xstate } from './peers/xstate.ts'
import { pingPong } from './ping-pong.ts'
import type { Row } from './report.ts'
import type { Effort } from './rounds.ts'
import { commitBls, commitEd25519, commitMldsa65, commitP256, commitSecp256k1 } from './signing.ts'
import { spawn } from './spawn.ts'
import { tell } from './tell.ts'
import { verifyBlsBatch } from './verifying.ts'

/** In the order of the report. */
export const benchmarks: { readonly [name: string]: (effort: Effort, peers: readonly Peer[]) => Promise<readonly Row[]> } = {
  tell, 'ping-pong': pingPong, ask, spawn, 'idle-engine': idleEngine, backlog, 'loop-delay': loopDelay, growth, commit, 'hosted-machine': hostedMachine,
  'commit-ed25519': commitEd25519, 'commit-secp256k1': commitSecp256k1, 'commit-p256': commitP256, 'commit-mldsa65': commitMldsa65, 'commit-bls': commitBls,
  'verify-bls-batch': verifyBlsBatch, 'decrypt-1k': decrypt1k, 'loop-delay-signing': loopDelaySigning,
  'generate-durable': generateDurable, restart: restarting, unlock, 'identity-memory': identityMemory,
}

/** The benchmarks that have rows of other names. */
const ROWS: { readonly [name: string]: readonly string[] } = {
  tell: ['tell', 'tell-client'], ask: ['ask', 'ask-100', 'request'], 'commit-ed25519': ['commit-ed25519', 'commit-ed25519-cores'],
  restart: ['restart', 'connect-after-restart', 'growth-durable'],
}

/** The rows of a benchmark, by which it may be asked for too. */
export function rowsOf(benchmark: string): readonly string[] {
  return ROWS[benchmark] ?? [benchmark]
}

/** All that are there. They are to be closed. */
export function openPeers(): readonly Peer[] {
  const installed = erlang()
  return [nact(), xstate(), effect(), ...installed === undefined ? [] : [installed]]
}
