import type { VectorSet } from './set.ts'
import { blsSets } from './sets/bls.ts'
import { ed25519Sets } from './sets/ed25519.ts'
import { encryptionSets } from './sets/encryption.ts'
import { mldsa65Sets } from './sets/mldsa65.ts'
import { p256Sets } from './sets/p256.ts'
import { secp256k1Sets } from './sets/secp256k1.ts'

/** Every set of published vectors that is run, by `npm run vectors` and by the tests. */
export const sets: readonly VectorSet[] = [...ed25519Sets, ...secp256k1Sets, ...blsSets, ...p256Sets, ...mldsa65Sets, ...encryptionSets]
