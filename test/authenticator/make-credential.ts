import { authenticatorData } from './authenticator-data.ts'
import type { CborMap, Fields } from './cbor.ts'
import { ALGORITHM, newSeed, sha256 } from './credential.ts'
import type { AlgorithmName, Credential, CredentialParts, Protection } from './credential.ts'
import { idsOf, relyingPartyOf, userOf } from './entities.ts'
import type { Exchange } from './exchange.ts'
import type { Parts } from './parts.ts'
import { PERMISSION } from './pin-uv-token.ts'
import { Refusal } from './status.ts'
import { verdictOf } from './verified.ts'

/** authenticatorMakeCredential (CTAP 2.1, section 6.1). */
export async function makeCredential(fields: Fields, parts: Parts, exchange: Exchange): Promise<CborMap> {
  const { clientPin, person, settings } = parts
  const [clientDataHash, relyingParty, user] = [fields.bytes(1), relyingPartyOf(fields.map(2)), userOf(fields.map(3))]
  const [choices, exclude, extensions, options] = [fields.list(4), idsOf(fields.maybeList(5)) ?? [], fields.maybeMap(6), fields.maybeMap(7)]
  const [signature, protocol] = [fields.maybeBytes(8), fields.maybeInteger(9)]
  if (clientDataHash.length !== 32) throw new Refusal('INVALID_LENGTH')
  if (signature?.length === 0) return parts.selectByEmptySignature('makeCredential', exchange)
  const algorithm = algorithmOf(choices, settings.algorithms)
  const resident = residentOf(options, parts)
  if (fields.has(10)) throw new Refusal('INVALID_PARAMETER') // No enterprise attestation.
  const isOptional = settings.is21 && settings.makeCredUvNotRequired && !resident
  if (clientPin.isProtected && signature === undefined && options?.maybeBoolean('uv') !== true && !isOptional) throw new Refusal('PUAT_REQUIRED')
  const verdict = verdictOf(clientPin, { permission: PERMISSION.makeCredential, relyingParty: relyingParty.id, clientDataHash, signature, protocol, options })
  const { userVerified, token, isTouched } = verdict
  const relyingPartyHash = sha256(relyingParty.id)
  const isExcluded = exclude.some(id => isVisible(parts.credential(relyingPartyHash, id), userVerified))
  if (!isTouched) await person.present('makeCredential', exchange)
  if (isExcluded) throw new Refusal('CREDENTIAL_EXCLUDED')
  clientPin.spend(token)

  const asked = extensionsOf(extensions, parts)
  const made: CredentialParts = { algorithm, seed: newSeed(), protection: asked.protection ?? 1, hmacSecret: asked.hmacSecret }
  const credential = resident ? parts.residents.create(relyingParty, user, made) : parts.wrapped(relyingPartyHash, made)
  const verified = { userVerified, userPresent: true }
  const data = authenticatorData({ relyingPartyHash, verified, counter: parts.counter, attested: credential, extensions: outputsOf(asked) })
  return new Map<number, unknown>([[1, settings.attestation === 'self' ? 'packed' : 'none'], [2, data], [3, statementOf(credential, data, clientDataHash, parts)]])
}

/** The first that is offered and known. */
function algorithmOf(choices: readonly Fields[], known: readonly AlgorithmName[]): AlgorithmName {
  const numbers = choices.map(choice => choice.text('type') === 'public-key' ? choice.integer('alg') : undefined)
  const found = numbers.map(number => known.find(name => ALGORITHM[name] === number)).find(name => name !== undefined)
  if (found === undefined) throw new Refusal('UNSUPPORTED_ALGORITHM')
  return found
}

function residentOf(options: Fields | undefined, { residents }: Parts): boolean {
  if (options?.maybeBoolean('up') === false) throw new Refusal('INVALID_OPTION')
  const resident = options?.maybeBoolean('rk') ?? false
  if (resident && residents.capacity === 0) throw new Refusal('UNSUPPORTED_OPTION')
  return resident
}

/** Without user verification, a credential of the highest protection is not told of. */
function isVisible(credential: Credential | undefined, userVerified: boolean): boolean {
  return credential !== undefined && (credential.protection !== 3 || userVerified)
}

interface AskedExtensions {
  readonly hmacSecret: boolean
  readonly protection: Protection | undefined
}

function extensionsOf(extensions: Fields | undefined, { settings }: Parts): AskedExtensions {
  const level = settings.credProtect ? extensions?.maybeInteger('credProtect') : undefined
  if (level !== undefined && level !== 1 && level !== 2 && level !== 3) throw new Refusal('INVALID_OPTION')
  return { hmacSecret: settings.hmacSecret && extensions?.maybeBoolean('hmac-secret') === true, protection: level }
}

function outputsOf({ hmacSecret, protection }: AskedExtensions): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>([...hmacSecret ? [['hmac-secret', true] as const] : [], ...protection ? [['credProtect', protection] as const] : []])
}

/** Attestation by the credential itself (WebAuthn 2, section 8.2), or none. */
function statementOf(credential: Credential, data: Uint8Array, clientDataHash: Uint8Array, { settings }: Parts): CborMap {
  if (settings.attestation === 'none') return new Map()
  return new Map<string, unknown>([['alg', ALGORITHM[credential.algorithm]], ['sig', credential.sign(Buffer.concat([data, clientDataHash]))]])
}
