import { sameBytes } from './bytes.ts'
import { choiceOf } from './choice.ts'
import type { EncryptionFacts, EncryptionScheme } from './encryption.ts'
import { x25519 } from './encryption/x25519/entry.ts'
import { xWing } from './encryption/x-wing/entry.ts'
import type { Path } from './suite.ts'

/** Every encryption scheme there is. Names, ids and multicodecs are distinct. */
const choice = choiceOf<EncryptionFacts, EncryptionScheme>([x25519, xWing], ({ name }) => name)

/** What is known of each scheme before any code of it is chosen. */
export const encryptionFacts: readonly EncryptionFacts[] = choice.facts

/** The schemes in use, one of each; or all that there are of one path. */
export function encryptions(path?: Path): readonly EncryptionScheme[] {
  return choice.all(path)
}

/** The scheme of that name, if there is one. */
export function encryptionByName(name: string): EncryptionScheme | undefined {
  return choice.find(facts => facts.name === name)
}

/** The scheme whose public keys begin with this multicodec prefix, if there is one. */
export function encryptionByMulticodec(prefix: Uint8Array): EncryptionScheme | undefined {
  return choice.find(({ multicodec }) => sameBytes(multicodec, prefix))
}

/** The scheme of which ciphertexts have that second byte, if there is one. */
export function encryptionById(id: number): EncryptionScheme | undefined {
  return choice.find(facts => facts.id === id)
}
