import type { NodeID } from '../core/engine-id.ts'
import { formatIdentityName } from '../crypto/identity-name.ts'
import { ed25519Suite } from '../crypto/suites/ed25519.ts'
import { SeededRandom } from './random.ts'

/** NodeIDs by number, each made once. Their keys are known to all: they are worth nothing outside of a simulation. */
export class NodeNames {
  readonly #names = new Map<number, NodeID>()

  name(number: number): NodeID {
    let name = this.#names.get(number)
    if (name === undefined) {
      const publicKey = ed25519Suite.publicKey(new SeededRandom(number).bytes(ed25519Suite.secretKeyLength))
      this.#names.set(number, name = formatIdentityName({ sign: { suite: ed25519Suite, publicKey } }))
    }
    return name
  }
}
