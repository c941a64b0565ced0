import { Fault } from '../../core/errors.ts'
import type { EncryptionScheme } from '../../crypto/encryption.ts'
import { encryptionByName } from '../../crypto/encryptions.ts'
import type { SignatureSuite } from '../../crypto/suite.ts'
import { schemes, suiteByParams } from '../../crypto/suites.ts'
import type { Capabilities, Format, GenerateOptions } from '../backend.ts'

/** What backends offer that hold their keys themselves. */
export const name = Object.freeze({ type: 'LocalMemory' } as const)
export const params: readonly string[] = Object.freeze(schemes.map(({ params }) => params))
export const capabilities: readonly Capabilities[] = Object.freeze(['Commit', 'Decrypt', 'CommitAndDecrypt'])
export const formats: readonly Format[] = Object.freeze(['framed', 'raw'])

/** The two schemes that an identity's keys are of. */
export interface Cryptosystem {
  readonly suite: SignatureSuite
  readonly scheme: EncryptionScheme
}

/** What is to be made, all of it on offer. */
export interface Asked extends Required<GenerateOptions> {
  readonly system: Cryptosystem
}

/** Throws `not-available` for what is not on offer. */
export function requireOffered(options: GenerateOptions): Asked {
  const { format = 'framed' } = options
  const system = cryptosystemOf(options.params)
  if (!capabilities.includes(options.capabilities)) {
    throw new Fault('not-available', `Local memory has no capabilities ${JSON.stringify(options.capabilities)}: use ${capabilities.join(', ')}`)
  }
  if (!formats.includes(format)) throw new Fault('not-available', `Local memory has no format ${JSON.stringify(format)}: use ${formats.join(' or ')}`)
  return { key: options.key, params: options.params, capabilities: options.capabilities, format, system }
}

/** The schemes that these `params` select. Throws `not-available` when there are none. */
export function cryptosystemOf(selected: string): Cryptosystem {
  const suite = suiteByParams(selected)
  if (suite === undefined) throw new Fault('not-available', `Local memory has no params ${JSON.stringify(selected)}: use ${params.join(', ')}`)
  const scheme = encryptionByName(suite.encryption)
  if (scheme === undefined) throw new Fault('not-available', `There is no ${suite.encryption} to encrypt to this identity with`)
  return { suite, scheme }
}

/** The same key names the same attempt: it cannot name another one while the first one's identity lives. Throws `backend-failed`. */
export function requireSameAttempt(before: Omit<Required<GenerateOptions>, 'key'>, again: Omit<Required<GenerateOptions>, 'key'>): void {
  if (before.params === again.params && before.capabilities === again.capabilities && before.format === again.format) return
  throw new Fault('backend-failed', 'This key already generated an identity with other params, capabilities or format: use a new key')
}

/** Two attempts drew the same key: nothing that is random does. */
export function repeated(): Fault {
  return new Fault('backend-failed', 'The random source gave a key that exists already: nothing was generated')
}
