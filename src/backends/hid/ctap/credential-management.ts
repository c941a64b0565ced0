import type { Exchange } from '../ctaphid/exchange.ts'
import { z } from 'zod'
import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../../../core/errors.ts'
import { descriptor, knownUser, MOST_CREDENTIALS } from './assertion.ts'
import type { KnownUser } from './assertion.ts'
import { encodeCanonical } from './cbor.ts'
import { COMMAND, encodeFields } from './commands.ts'
import type { Parameters, Send } from './commands.ts'
import { userMap } from './creation.ts'
import type { User } from './creation.ts'
import type { AuthenticatorInfo } from './info.ts'
import type { PinUvToken } from './pin-token.ts'
import { bytes, count, named, numbered, read } from './reading.ts'
import { descriptorOf } from './statement.ts'
import { NO_CREDENTIALS, statusOf } from './status.ts'

export interface CredentialsMetadata {
  readonly existing: number
  /** At most so many more: an estimate. */
  readonly remaining: number
}

export interface KnownRelyingParty {
  /** The device may have cut it off. */
  readonly id: string
  readonly idHash: Uint8Array
  readonly name: string | undefined
}

export interface ResidentCredential {
  readonly credentialId: Uint8Array
  readonly user: KnownUser
  /** COSE, canonical CBOR. */
  readonly publicKey: Uint8Array
  readonly credProtect: number | undefined
}

/** Subcommands, and fields of the request and of its parameters (CTAP 2.1, section 6.8). */
const [METADATA, PARTIES, NEXT_PARTY, CREDENTIALS, NEXT_CREDENTIAL, DELETE, UPDATE] = [1, 2, 3, 4, 5, 6, 7]
const [SUBCOMMAND, PARAMETERS, PROTOCOL, AUTHENTICATION] = [1, 2, 3, 4]
const [ID_HASH, CREDENTIAL, USER] = [1, 2, 3]

const metadataSchema = numbered(z.object({ 1: count, 2: count }))
const partySchema = numbered(z.object({ 3: named(z.object({ id: z.string(), name: z.string().optional() })), 4: bytes(32), 5: count.max(MOST_CREDENTIALS).optional() }))
const credentialSchema = numbered(z.object({ 6: knownUser, 7: descriptor, 8: z.map(z.number(), z.unknown()), 9: count.max(MOST_CREDENTIALS).optional(), 10: count.optional() }))

/** Does what needs several commands in a row, which no other may come between. */
export type Alone = <T>(exchange: Exchange, work: (send: Send) => Promise<T>) => Promise<T>

/** The resident credentials of a device (authenticatorCredentialManagement; CTAP 2.1, section 6.8). */
export class CredentialManagement {
  readonly #alone: Alone
  readonly #token: PinUvToken
  readonly #command: number

  /** `token` has the permission `credentialManagement`. Throws `not-available`. */
  constructor(alone: Alone, { options }: AuthenticatorInfo, token: PinUvToken) {
    if (options.get('credMgmt') !== true && options.get('credentialMgmtPreview') !== true) throw new Fault('not-available', 'The device does not tell of its credentials')
    this.#alone = alone
    this.#token = token
    this.#command = options.get('credMgmt') === true ? COMMAND.credentialManagement : COMMAND.credentialManagementPreview
  }

  metadata(exchange: Exchange): Promise<CredentialsMetadata> {
    return this.#alone(exchange, async send => {
      const response = read(metadataSchema, await this.#ask(send, METADATA), 'a count of its credentials')
      return { existing: response[1], remaining: response[2] }
    })
  }

  /** Those that it has credentials for. */
  relyingParties(exchange: Exchange): Promise<readonly KnownRelyingParty[]> {
    return this.#alone(exchange, async send => {
      const first = await orNothing(this.#ask(send, PARTIES))
      const all = await this.#list(send, first, NEXT_PARTY, response => read(partySchema, response, 'a relying party'), party => party[5])
      return all.map(({ 3: { id, name }, 4: idHash }) => ({ id, idHash, name }))
    })
  }

  /** Those of one relying party, by SHA-256 of its id. */
  of(relyingPartyIdHash: Uint8Array, exchange: Exchange): Promise<readonly ResidentCredential[]> {
    return this.#alone(exchange, async send => {
      const first = await orNothing(this.#ask(send, CREDENTIALS, [[ID_HASH, relyingPartyIdHash]]))
      const all = await this.#list(send, first, NEXT_CREDENTIAL, response => read(credentialSchema, response, 'a credential'), credential => credential[9])
      return all.map(({ 6: user, 7: credentialId, 8: key, 10: credProtect }) => ({ credentialId, user, publicKey: encodeCanonical(key), credProtect }))
    })
  }

  /** Throws `wrong-device` when it is not there. */
  async delete(credentialId: Uint8Array, exchange: Exchange): Promise<void> {
    await this.#alone(exchange, send => this.#ask(send, DELETE, [[CREDENTIAL, descriptorOf(credentialId)]]))
  }

  /** Throws `wrong-device` when it is not there, and `not-available` where the device knows only the preview of this command. */
  async updateUser(credentialId: Uint8Array, user: User, exchange: Exchange): Promise<void> {
    if (this.#command === COMMAND.credentialManagementPreview) throw new Fault('not-available', 'The device does not change what it knows of a user')
    await this.#alone(exchange, send => this.#ask(send, UPDATE, [[CREDENTIAL, descriptorOf(credentialId)], [USER, userMap(user)]]))
  }

  #ask(send: Send, subcommand: number, parameters?: Parameters): ReturnType<Send> {
    const authentication = this.#token.authenticate(concatBytes(Uint8Array.of(subcommand), parameters === undefined ? new Uint8Array() : encodeFields(parameters)))
    return send(this.#command, [
      [SUBCOMMAND, subcommand], [PARAMETERS, parameters && new Map(parameters)], [PROTOCOL, this.#token.protocol], [AUTHENTICATION, authentication],
    ])
  }

  /** All of an enumeration. The first says how many there are; the rest need no token. */
  async #list<T>(send: Send, first: unknown, next: number, readOne: (response: unknown) => T, total: (one: T) => number | undefined): Promise<readonly T[]> {
    if (first === undefined) return []
    const one = readOne(first)
    const all = [one]
    // oxlint-disable-next-line no-await-in-loop -- a device tells of one after the other
    for (const number = total(one) ?? 1; all.length < number;) all.push(readOne(await send(this.#command, [[SUBCOMMAND, next]])))
    return all
  }
}

/** A device that has none says so as an error; some answer that they have 0. */
async function orNothing(response: ReturnType<Send>): Promise<ReadonlyMap<unknown, unknown> | undefined> {
  try {
    const fields = await response
    return fields.size === 0 ? undefined : fields
  } catch (error) {
    if (statusOf(error) === NO_CREDENTIALS) return undefined
    throw error
  }
}
