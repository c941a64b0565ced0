import { Fault } from '../../core/errors.ts'
import type { Capabilities, GenerateOptions } from '../backend.ts'
import type { CredentialRecord } from './record.ts'

/** What backends offer whose keys authenticators have. */
export const params: readonly CredentialRecord['params'][] = Object.freeze(['P256', 'Ed25519'] as const)
export const capabilities: readonly Capabilities[] = Object.freeze(['Commit', 'Decrypt', 'CommitAndDecrypt'] as const)

/** What is to be made, all of it on offer. */
export interface Asked extends GenerateOptions {
  readonly params: CredentialRecord['params']
}

/** Throws `not-available` for what is not on offer. */
export function requireOffered(options: GenerateOptions): Asked {
  const offered = params.find(one => one === options.params)
  if (offered === undefined) throw new Fault('not-available', `Authenticators have no params ${JSON.stringify(options.params)}: use ${params.join(' or ')}`)
  if (!capabilities.includes(options.capabilities)) {
    throw new Fault('not-available', `Authenticators have no capabilities ${JSON.stringify(options.capabilities)}: use ${capabilities.join(', ')}`)
  }
  if ((options.format ?? 'framed') !== 'framed') throw new Fault('not-available', 'What authenticators sign is always framed: use local memory for format raw')
  return { ...options, params: offered }
}

/** The same key names the same attempt: it cannot name another one while the first one's identity lives. Throws `backend-failed`. */
export function requireSameAttempt(before: CredentialRecord, again: Asked): void {
  if (before.params === again.params && before.capabilities === again.capabilities) return
  throw new Fault('backend-failed', 'This key already generated an identity with other params or capabilities: use a new key')
}
