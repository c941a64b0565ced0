import type { MemoryNetwork, Node } from '../src/index.ts'

/** What an example gets from the runner. */
export interface Context {
  /** A node that is observed from its beginning. */
  readonly node: Node
  /** The network that it is on. */
  readonly network: MemoryNetwork
  /** Has another node observed too, which the example makes and stops. */
  readonly observe: (node: Node) => void
  readonly print: (line: string) => void
  /** Does `work` under a title, and shows what the node did meanwhile. */
  readonly sequence: <T>(title: string, work: () => Promise<T>) => Promise<T>
}

export type Example = (context: Context) => Promise<void>

/** Something outside of this project that an example needs is not there. The message says what, and how to get it. */
export class Missing extends Error {}
