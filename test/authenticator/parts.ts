import type { CborMap } from './cbor.ts'
import type { ClientPin } from './client-pin.ts'
import { Credential, DeviceKey, sha256 } from './credential.ts'
import type { AlgorithmName, CredentialParts } from './credential.ts'
import type { Exchange, Person, TouchReason } from './exchange.ts'
import type { ResidentCredentials } from './resident-credentials.ts'
import { Refusal } from './status.ts'
import type { Timers } from './timers.ts'

/** What kind of device it is. */
export interface Settings {
  readonly versions: readonly string[]
  readonly is21: boolean
  readonly algorithms: readonly AlgorithmName[]
  readonly hmacSecret: boolean
  readonly credProtect: boolean
  readonly counter: boolean
  readonly attestation: 'self' | 'none'
  readonly makeCredUvNotRequired: boolean
  readonly maxMsgSize: number
}

/** What the commands of one authenticator share. */
export class Parts {
  readonly settings: Settings
  readonly clientPin: ClientPin
  readonly residents: ResidentCredentials
  readonly person: Person
  readonly timers: Timers
  readonly #deviceKey = new DeviceKey()
  #counter = 0

  constructor(settings: Settings, parts: { readonly clientPin: ClientPin; readonly residents: ResidentCredentials; readonly person: Person; readonly timers: Timers }) {
    this.settings = settings
    this.clientPin = parts.clientPin
    this.residents = parts.residents
    this.person = parts.person
    this.timers = parts.timers
  }

  /** How many signatures there were; 0 for ever where they are not counted. */
  get counter(): number {
    return this.#counter
  }

  /** Counts one more. */
  count(): number {
    if (this.settings.counter) this.#counter++
    return this.#counter
  }

  /** The credential of that id, stored or in the id itself, if it is of that relying party. */
  credential(relyingPartyHash: Uint8Array, id: Uint8Array): Credential | undefined {
    const resident = this.residents.find(id)
    if (resident && Buffer.compare(sha256(resident.relyingParty.id), relyingPartyHash) === 0) return resident.credential
    return this.#deviceKey.unwrap(relyingPartyHash, id)
  }

  /** A credential that is not stored. */
  wrapped(relyingPartyHash: Uint8Array, made: CredentialParts): Credential {
    return new Credential(this.#deviceKey.wrap(relyingPartyHash, made), made)
  }

  /** How CTAP 2.0 has a person choose among devices: a signature of no bytes, to be answered after a touch. */
  async selectByEmptySignature(why: TouchReason, exchange: Exchange): Promise<CborMap> {
    await this.person.present(why, exchange)
    throw new Refusal(this.clientPin.pin.isSet ? 'PIN_INVALID' : 'PIN_NOT_SET')
  }
}
