import { Committer } from '../../src/crypto/commitment.ts'
import { nameIdentity, randomBytes, suites } from '../../src/crypto.ts'
import type { Path, SignatureSuite } from '../../src/crypto.ts'
import { parseExternalIdentity } from '../../src/index.ts'
import type { Backend, ExternalIdentity, Signer } from '../../src/index.ts'

/** The suite of that path. Throws where there is none: what is not measured must not look so. */
export function suiteOn(path: Path, params: string): SignatureSuite {
  const suite = suites(path).find(one => one.params === params)
  if (suite === undefined) throw new Error(`There is no ${path} ${params} here: install the optional packages, and use Node.js 24`)
  return suite
}

/** A signer that answers at once. */
export interface BareSigner extends Signer {
  sign(data: Uint8Array): Uint8Array
  signBatch(data: readonly Uint8Array[], signal: AbortSignal): Promise<readonly (Uint8Array | Error)[]>
}

/** A backend of one identity, which commits by one suite: local memory takes the native ones, and cannot be told otherwise. */
export class SuiteBackend implements Backend {
  readonly name = { type: 'LocalMemory' } as const
  readonly params: readonly string[]
  readonly capabilities = ['Commit'] as const
  readonly #committer: Committer
  readonly #identity: ExternalIdentity

  constructor(suite: SignatureSuite) {
    this.params = [suite.params]
    const secretKey = suite.generate(randomBytes)
    const { name, bundle } = nameIdentity({ sign: { suite, publicKey: suite.publicKey(secretKey) } })
    this.#identity = parseExternalIdentity(name, bundle)
    this.#committer = new Committer(suite.signer(secretKey), name)
  }

  generate(): ExternalIdentity {
    return this.#identity
  }

  delete(): void {}

  signer(): BareSigner {
    const committer = this.#committer
    return { sign: data => committer.commit(data), signBatch: (data, signal) => committer.commitBatch(data, signal), close() {} }
  }

  decryptor(): never {
    throw new Error('This benchmark decrypts nothing')
  }
}
