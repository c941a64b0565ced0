import type { NodeID } from '../core/engine-id.ts'
import { formatIdentityName } from '../crypto/identity-name.ts'
import { portableEd25519 } from '../crypto/suites/ed25519/portable.ts'
import { SeededRandom } from './random.ts'

/** NodeIDs by number, each made once. Their keys are known to all: they are worth nothing outside of a simulation. */
export class NodeNames {
  readonly #names = new Map<number, NodeID>()

  name(number: number): NodeID {
    let name = this.#names.get(number)
    if (name === undefined) {
      const publicKey = portableEd25519.publicKey(new SeededRandom(number).bytes(portableEd25519.secretKeyLength))
      this.#names.set(number, name = formatIdentityName({ sign: { suite: portableEd25519, publicKey } }))
    }
    return name
  }
}
