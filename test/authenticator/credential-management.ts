import type { CborMap, Fields } from './cbor.ts'
import { sha256 } from './credential.ts'
import { relyingPartyMap, userMap, userOf } from './entities.ts'
import type { Parts } from './parts.ts'
import { PERMISSION } from './pin-uv-token.ts'
import type { PinUvToken } from './pin-uv-token.ts'
import type { RelyingParty, Resident } from './resident-credentials.ts'
import { Refusal } from './status.ts'

/** authenticatorCredentialManagement (CTAP 2.1, section 6.8). */
export class CredentialManagement {
  readonly #parts: Parts
  #relyingParties: readonly RelyingParty[] = []
  #credentials: readonly Resident[] = []

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Whatever command comes in between ends an enumeration. */
  forget(): void {
    this.#relyingParties = []
    this.#credentials = []
  }

  command(fields: Fields): CborMap | undefined {
    const subCommand = fields.integer(1)
    if (subCommand === 3) return this.#nextRelyingParty()
    if (subCommand === 5) return this.#nextCredential()
    this.forget()
    const given = fields.maybeMap(2)
    switch (subCommand) {
      case 1: return this.#metadata(this.#authorised(fields, subCommand))
      case 2: return this.#firstRelyingParty(this.#authorised(fields, subCommand))
      case 4: return this.#firstCredential(needed(given), this.#authorised(fields, subCommand, given))
      case 6: return this.#delete(needed(given), this.#authorised(fields, subCommand, given))
      case 7: return this.#update(needed(given), this.#authorised(fields, subCommand, given))
      default: throw new Refusal('INVALID_SUBCOMMAND')
    }
  }

  #authorised(fields: Fields, subCommand: number, given?: Fields): PinUvToken {
    const signature = fields.maybeBytes(4)
    if (signature === undefined) throw new Refusal('PUAT_REQUIRED')
    const message = Buffer.concat([Uint8Array.of(subCommand), ...given ? [given.encoded()] : []])
    return this.#parts.clientPin.authorised(PERMISSION.credentialManagement, fields.maybeInteger(3), message, signature)
  }

  #metadata(token: PinUvToken): CborMap {
    assertUnbound(token)
    const { residents } = this.#parts
    return new Map([[1, residents.count], [2, residents.remaining]])
  }

  #firstRelyingParty(token: PinUvToken): CborMap {
    assertUnbound(token)
    const all = this.#parts.residents.relyingParties()
    if (all.length === 0) throw new Refusal('NO_CREDENTIALS')
    this.#relyingParties = all
    return new Map<unknown, unknown>([...this.#nextRelyingParty(), [5, all.length]])
  }

  #nextRelyingParty(): CborMap {
    const [first, ...rest] = this.#relyingParties
    if (first === undefined) throw new Refusal('NOT_ALLOWED')
    this.#relyingParties = rest
    return new Map<unknown, unknown>([[3, relyingPartyMap(first)], [4, sha256(first.id)]])
  }

  #firstCredential(given: Fields, token: PinUvToken): CborMap {
    const hash = given.bytes(1)
    assertFor(token, hash)
    const all = this.#parts.residents.of(hash)
    if (all.length === 0) throw new Refusal('NO_CREDENTIALS')
    this.#credentials = all
    return new Map<unknown, unknown>([...this.#nextCredential(), [9, all.length]])
  }

  #nextCredential(): CborMap {
    const [first, ...rest] = this.#credentials
    if (first === undefined) throw new Refusal('NOT_ALLOWED')
    this.#credentials = rest
    const { credential, user } = first
    return new Map<unknown, unknown>([[6, userMap(user, true)], [7, credential.descriptor()], [8, credential.publicKey()], [10, credential.protection]])
  }

  #delete(given: Fields, token: PinUvToken): undefined {
    this.#parts.residents.delete(this.#named(given, token))
  }

  #update(given: Fields, token: PinUvToken): undefined {
    const [resident, user] = [this.#named(given, token), userOf(given.map(3))]
    if (Buffer.compare(resident.user.id, user.id) !== 0) throw new Refusal('INVALID_PARAMETER')
    this.#parts.residents.update(resident, user)
  }

  #named(given: Fields, token: PinUvToken): Resident {
    const resident = this.#parts.residents.find(given.map(2).bytes('id'))
    if (resident === undefined) throw new Refusal('NO_CREDENTIALS')
    assertFor(token, sha256(resident.relyingParty.id))
    return resident
  }
}

function needed(given: Fields | undefined): Fields {
  if (given === undefined) throw new Refusal('MISSING_PARAMETER')
  return given
}

/** What is about all relying parties is not for a token of one. */
function assertUnbound({ relyingParty }: PinUvToken): void {
  if (relyingParty !== undefined) throw new Refusal('PIN_AUTH_INVALID')
}

function assertFor({ relyingParty }: PinUvToken, hash: Uint8Array): void {
  if (relyingParty !== undefined && Buffer.compare(sha256(relyingParty), hash) !== 0) throw new Refusal('PIN_AUTH_INVALID')
}
