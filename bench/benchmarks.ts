import { ask } from './ask.ts'
import { backlog } from './backlog.ts'
import { commit } from './commit.ts'
import { growth } from './growth.ts'
import { hostedMachine } from './hosted-machine.ts'
import { idleEngine } from './idle-engine.ts'
import { loopDelay } from './loop-delay.ts'
import { effect } from './peers/effect.ts'
import { erlang } from './peers/erlang.ts'
import { nact } from './peers/nact.ts'
import type { Peer } from './peers/peer.ts'
import { xstate } from './peers/xstate.ts'
import { pingPong } from './ping-pong.ts'
import type { Row } from './report.ts'
import type { Effort } from './rounds.ts'
import { spawn } from './spawn.ts'
import { tell } from './tell.ts'

/** In the order of the report. */
export const benchmarks: { readonly [name: string]: (effort: Effort, peers: readonly Peer[]) => Promise<readonly Row[]> } = {
  tell, 'ping-pong': pingPong, ask, spawn, 'idle-engine': idleEngine, backlog, 'loop-delay': loopDelay, growth, commit, 'hosted-machine': hostedMachine,
}

/** All that are there. They are to be closed. */
export function openPeers(): readonly Peer[] {
  const installed = erlang()
  return [nact(), xstate(), effect(), ...installed === undefined ? [] : [installed]]
}
