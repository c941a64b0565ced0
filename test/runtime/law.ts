import type { Node } from '../../src/index.ts'

/** What the counting law leaves over: 0 while it holds. */
export function lawOf(node: Node): number {
  const c = node.counters()
  return c.originated + c.arrived - c.handled - c.queued - c.deferred - c.deadLettered - c.handedToTransport
}
