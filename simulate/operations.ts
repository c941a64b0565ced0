import type { Capabilities } from '../src/index.ts'
import type { Choose } from '../src/simulation.ts'
import { drawn, drawProgram, MAILBOXES, simplerPrograms } from './programs.ts'
import type { Program } from './programs.ts'

// What is done in a schedule, as data: what hosts ask for, and what befalls nodes. Nodes, clients and engines are numbered.

export const NODES = 3
export const CLIENTS = 3
/** The puppets of a node, and names that may or may not be there. */
export const PUPPETS = ['p0', 'p1', 'p2'] as const

/** A client sends a program to a puppet of its node, so many times at once. */
export interface Order {
  readonly do: 'order'
  readonly node: number
  readonly client: number
  readonly to: number
  readonly mailbox: number
  readonly isAsk: boolean
  readonly times: number
  readonly deadline: number
  readonly program: Program
}
/**
 * A client asks Identity Management, or an identity's engine, of its node. `identity` counts from the newest there is. The last one: a
 * grantee uses the identity while what it was granted is taken back.
 */
export interface IdentityOrder {
  readonly do: 'generate' | 'connect' | 'grant' | 'revoke' | 'delete' | 'list' | 'commit' | 'decrypt' | 'use-and-revoke'
  readonly node: number
  readonly client: number
  readonly identity: number
  /** Its owner asks, whoever that is, instead of the client. */
  readonly asOwner: boolean
  readonly grantee: number
  readonly capabilities: Capabilities
  readonly requestId: number
}
export interface Wait {
  readonly do: 'wait'
  readonly milliseconds: number
}
/**
 * The host stops a puppet; a node loses its power, and has it again at once; an engine crashes, or its children do; a node is cut off
 * from the others, or all partitions end.
 */
export interface Fault {
  readonly do: 'stop-puppet' | 'crash-puppet' | 'crash-children' | 'restart-node' | 'partition' | 'heal'
  readonly node: number
  readonly to: number
}
/** The network carries otherwise: percents of frames, and milliseconds at most. */
export interface Weather {
  readonly do: 'weather'
  readonly loss: number
  readonly duplication: number
  readonly delay: number
}
export type Operation = Order | IdentityOrder | Wait | Fault | Weather

export function drawOperations(choose: Choose): readonly Operation[] {
  const operations = Array.from({ length: 70 + choose(30) }, () => drawOperation(choose))
  // At least one fault, somewhere.
  operations.splice(choose(operations.length), 0, drawFault(choose))
  return operations
}

function drawOperation(choose: Choose): Operation {
  const kind = choose(20)
  if (kind < 3) return { do: 'wait', milliseconds: choose(12) }
  if (kind < 13) return drawIdentityOrder(choose)
  if (kind === 13) return choose(2) === 0 ? drawFault(choose) : drawWeather(choose)
  return {
    do: 'order', node: choose(NODES), times: choose(4) === 0 ? 2 + choose(6) : 1, client: choose(CLIENTS), to: choose(PUPPETS.length), mailbox: choose(MAILBOXES), isAsk: choose(2) === 0,
    deadline: choose(4) === 0 ? choose(10) : 1000, program: drawProgram(choose),
  }
}

function drawIdentityOrder(choose: Choose): IdentityOrder {
  const what = drawn<IdentityOrder['do']>(choose, [
    'generate', 'generate', 'connect', 'connect', 'connect', 'connect', 'connect', 'grant', 'grant', 'grant', 'revoke', 'delete', 'list',
    'commit', 'commit', 'decrypt', 'decrypt', 'use-and-revoke', 'use-and-revoke',
  ])
  // Most on one node, for the newest identity, between the same two clients, so that something comes together there.
  const often = (usual: number, count: number) => choose(4) === 0 ? choose(count) : usual
  return {
    do: what, node: often(0, NODES), client: often(what === 'generate' ? 0 : 1, CLIENTS), grantee: often(1, CLIENTS), identity: often(0, 3), asOwner: choose(4) !== 0,
    capabilities: drawn(choose, ['CommitAndDecrypt', 'CommitAndDecrypt', 'Commit', 'Decrypt']), requestId: choose(8),
  }
}

function drawWeather(choose: Choose): Weather {
  return { do: 'weather', loss: choose(3) === 0 ? choose(30) : 0, duplication: choose(3) === 0 ? choose(30) : 0, delay: 1 + choose(20) }
}

function drawFault(choose: Choose): Fault {
  return { do: drawn<Fault['do']>(choose, ['stop-puppet', 'crash-puppet', 'crash-puppet', 'crash-children', 'restart-node', 'partition', 'partition', 'heal', 'heal']), node: choose(NODES), to: choose(PUPPETS.length) }
}

/** Simpler operations of the same kind, the simplest first. */
export function* simplerOperations(operation: Operation): Generator<Operation> {
  if (operation.do === 'order') for (const program of simplerPrograms(operation.program)) yield { ...operation, program }
  if (operation.do === 'order' && operation.times > 1) yield { ...operation, times: operation.times >> 1 }
}

/** As a line to read. */
export function describeOperation(operation: Operation): string {
  switch (operation.do) {
    case 'wait': return `wait ${operation.milliseconds} ms`
    case 'stop-puppet': return `node ${operation.node}: stop ${PUPPETS[operation.to]}`
    case 'crash-puppet': return `node ${operation.node}: crash ${PUPPETS[operation.to]}`
    case 'crash-children': return `node ${operation.node}: crash two children of ${PUPPETS[operation.to]}, twice each`
    case 'partition': return `node ${operation.node}: cut off`
    case 'heal': return 'heal all partitions'
    case 'weather': return `the network loses ${operation.loss} %, repeats ${operation.duplication} %, and takes up to ${operation.delay} ms`
    case 'restart-node': return `node ${operation.node}: crash, and begin again`
    case 'order': {
      const { node, client, to, mailbox, isAsk, times, deadline, program } = operation
      return `node ${node}: c${client} ${isAsk ? `asks (${deadline} ms)` : 'tells'} ${PUPPETS[to]}, mailbox ${mailbox}${times > 1 ? `, ${times} times` : ''}: ${JSON.stringify(program)}`
    }
    default: {
      const { node, client, identity, asOwner, grantee, capabilities, requestId } = operation
      return `node ${node}: c${client} ${operation.do} ${JSON.stringify({ identity, asOwner, grantee, capabilities, requestId })}`
    }
  }
}
