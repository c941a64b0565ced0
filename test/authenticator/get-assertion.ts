import { authenticatorData } from './authenticator-data.ts'
import type { CborMap, Fields } from './cbor.ts'
import { sha256 } from './credential.ts'
import type { Credential } from './credential.ts'
import { idsOf, userMap } from './entities.ts'
import type { Exchange } from './exchange.ts'
import { HmacSecretRequest } from './hmac-secret.ts'
import type { Parts } from './parts.ts'
import { PERMISSION } from './pin-uv-token.ts'
import type { User } from './resident-credentials.ts'
import { Refusal } from './status.ts'
import { verdictOf } from './verified.ts'
import type { Verified } from './verified.ts'

/** Milliseconds in which the next assertion can be fetched (CTAP 2.1, section 6.3). */
const NEXT_WITHIN = 30_000

interface Candidate {
  readonly credential: Credential
  /** Of a discoverable one. */
  readonly user: User | undefined
}

interface Ceremony {
  readonly relyingPartyHash: Uint8Array
  readonly clientDataHash: Uint8Array
  readonly verified: Verified
  readonly hmacSecret: HmacSecretRequest | undefined
  readonly tellsUsers: boolean
}

/** authenticatorGetAssertion and authenticatorGetNextAssertion (CTAP 2.1, sections 6.2 and 6.3). */
export class Assertions {
  readonly #parts: Parts
  #rest: { readonly ceremony: Ceremony; readonly candidates: readonly Candidate[]; readonly since: number } | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Whatever command comes in between ends the sequence. */
  forget(): void {
    this.#rest = undefined
  }

  async first(fields: Fields, exchange: Exchange): Promise<CborMap> {
    const { clientPin, person, settings } = this.#parts
    const [relyingParty, clientDataHash, allow] = [fields.text(1), fields.bytes(2), idsOf(fields.maybeList(3))]
    const [extensions, options, signature, protocol] = [fields.maybeMap(4), fields.maybeMap(5), fields.maybeBytes(6), fields.maybeInteger(7)]
    if (clientDataHash.length !== 32) throw new Refusal('INVALID_LENGTH')
    if (signature?.length === 0) return this.#parts.selectByEmptySignature('getAssertion', exchange)
    if (options?.has('rk')) throw new Refusal('UNSUPPORTED_OPTION')
    const userPresent = options?.maybeBoolean('up') ?? true
    const { userVerified, token, isTouched } = verdictOf(clientPin, { permission: PERMISSION.getAssertion, relyingParty, clientDataHash, signature, protocol, options })
    const relyingPartyHash = sha256(relyingParty)
    const candidates = this.#candidates(relyingPartyHash, allow, userVerified)
    if (candidates.length === 0) throw new Refusal('NO_CREDENTIALS')
    const asked = settings.hmacSecret ? extensions?.maybeMap('hmac-secret') : undefined
    if (asked && !userPresent) throw new Refusal('UNSUPPORTED_OPTION')
    const hmacSecret = asked && new HmacSecretRequest(asked, clientPin)
    if (userPresent) {
      if (!isTouched) await person.present('getAssertion', exchange)
      clientPin.spend(token)
    }
    const [first, ...rest] = allow === undefined ? candidates : candidates.slice(0, 1)
    if (first === undefined) throw new Refusal('NO_CREDENTIALS')
    const ceremony = { relyingPartyHash, clientDataHash, verified: { userVerified, userPresent }, hmacSecret, tellsUsers: userVerified && rest.length > 0 }
    if (rest.length > 0) this.#rest = { ceremony, candidates: rest, since: this.#parts.timers.now() }
    return new Map([...this.#assertion(ceremony, first), ...rest.length > 0 ? [[5, rest.length + 1] as const] : []])
  }

  next(): CborMap {
    const { timers } = this.#parts
    const [first, ...rest] = this.#rest?.candidates ?? []
    if (this.#rest === undefined || first === undefined || timers.now() - this.#rest.since > NEXT_WITHIN) throw new Refusal('NOT_ALLOWED')
    const { ceremony } = this.#rest
    this.#rest = { ceremony, candidates: rest, since: timers.now() }
    return this.#assertion(ceremony, first)
  }

  #candidates(relyingPartyHash: Uint8Array, allow: readonly Uint8Array[] | undefined, userVerified: boolean): readonly Candidate[] {
    const { residents } = this.#parts
    const all: readonly Candidate[] = allow === undefined ? residents.of(relyingPartyHash) : allow.flatMap(id => {
      const credential = this.#parts.credential(relyingPartyHash, id)
      return credential ? [{ credential, user: residents.find(id)?.user }] : []
    })
    return all.filter(({ credential: { protection } }) => userVerified || protection === 1 || protection === 2 && allow !== undefined)
  }

  #assertion({ relyingPartyHash, clientDataHash, verified, hmacSecret, tellsUsers }: Ceremony, { credential, user }: Candidate): CborMap {
    const answer = credential.hmacSecret ? hmacSecret?.answer(credential, verified.userVerified) : undefined
    const extensions = new Map(answer ? [['hmac-secret', answer]] : [])
    const data = authenticatorData({ relyingPartyHash, verified, counter: this.#parts.count(), extensions })
    return new Map<number, unknown>([
      [1, credential.descriptor()],
      [2, data],
      [3, credential.sign(Buffer.concat([data, clientDataHash]))],
      ...user ? [[4, userMap(user, tellsUsers)] as const] : [],
    ])
  }
}
