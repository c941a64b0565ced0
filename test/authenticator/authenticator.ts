import { AAGUID } from './authenticator-data.ts'
import { Fields, fromCbor, toCbor } from './cbor.ts'
import type { CborMap } from './cbor.ts'
import { ClientPin } from './client-pin.ts'
import { ALGORITHM } from './credential.ts'
import type { AlgorithmName } from './credential.ts'
import { CredentialManagement } from './credential-management.ts'
import { LONGEST_ID, LONGEST_LIST } from './entities.ts'
import { Person } from './exchange.ts'
import type { Exchange, Touch } from './exchange.ts'
import { Assertions } from './get-assertion.ts'
import { makeCredential } from './make-credential.ts'
import { Parts } from './parts.ts'
import type { Settings } from './parts.ts'
import { SHORTEST_PIN } from './pin.ts'
import type { PinProtocolVersion } from './pin-protocol.ts'
import { ResidentCredentials } from './resident-credentials.ts'
import { Refusal, STATUS } from './status.ts'
import { realTimers } from './timers.ts'
import type { Timers } from './timers.ts'

export interface AuthenticatorOptions {
  /** Set from the beginning. None unless told. */
  readonly pin?: string
  /** A fingerprint reader, say. */
  readonly builtInUv?: boolean
  readonly hmacSecret?: boolean
  readonly algorithms?: readonly AlgorithmName[]
  readonly credentialManagement?: boolean
  /** How many it can store: 25 unless told. */
  readonly residentKeys?: boolean | number
  /** Both, or one alone for CTAP 2.0. None: it takes no PIN. */
  readonly pinProtocols?: readonly PinProtocolVersion[]
  readonly counter?: boolean
  readonly credProtect?: boolean
  /** Without FIDO_2_1 it is a device of CTAP 2.0. */
  readonly versions?: readonly string[]
  readonly attestation?: 'self' | 'none'
  /** Whether credentials that are not stored can be made without user verification, where there is one. */
  readonly makeCredUvNotRequired?: boolean
  /** In bytes. */
  readonly maxMsgSize?: number
  /** What the person does when asked to touch: touches at once unless told. */
  readonly touch?: Touch
  /** Whether the built-in verification finds its owner. It does unless told. */
  readonly verify?: () => boolean
  readonly timers?: Timers
}

/** Milliseconds after power-up in which a reset is taken (CTAP 2.1, section 6.6). */
const RESET_WITHIN = 10_000

/** A FIDO2 authenticator in software, for tests: CTAP 2.1, or 2.0. All of its state is in memory. */
export class SoftwareAuthenticator {
  readonly #options: AuthenticatorOptions
  readonly #timers: Timers
  #parts: Parts
  #assertions: Assertions
  #management: CredentialManagement
  #poweredUp: number

  constructor(options: AuthenticatorOptions = {}) {
    this.#options = options
    this.#timers = options.timers ?? realTimers
    this.#poweredUp = this.#timers.now()
    this.#parts = this.#newParts()
    this.#assertions = new Assertions(this.#parts)
    this.#management = new CredentialManagement(this.#parts)
    if (options.pin !== undefined) this.#parts.clientPin.pin.preset(options.pin)
  }

  /** One CTAP2 command: its byte and its parameters. Answers the status byte, and the response if all went well. One at a time. */
  async handle(request: Uint8Array, exchange: Exchange): Promise<Uint8Array> {
    try {
      const response = await this.#run(request, exchange)
      const answer = Uint8Array.from(Buffer.concat([Uint8Array.of(STATUS.OK), ...response ? [toCbor(response)] : []]))
      return answer.length > this.#parts.settings.maxMsgSize ? Uint8Array.of(STATUS.LIMIT_EXCEEDED) : answer
    } catch (error) {
      if (error instanceof Refusal) return Uint8Array.of(error.status)
      throw error
    }
  }

  powerCycle(): void {
    this.#poweredUp = this.#timers.now()
    this.#assertions.forget()
    this.#management.forget()
    this.#parts.clientPin.powerCycle()
  }

  async #run(request: Uint8Array, exchange: Exchange): Promise<CborMap | undefined> {
    const [command] = request
    if (request.length > this.#parts.settings.maxMsgSize) throw new Refusal('REQUEST_TOO_LARGE')
    if (command !== COMMAND.getNextAssertion) this.#assertions.forget()
    if (command !== COMMAND.credentialManagement && command !== COMMAND.credentialManagementPreview) this.#management.forget()
    const fields = (): Fields => {
      if (request.length === 1) throw new Refusal('MISSING_PARAMETER')
      return new Fields(fromCbor(request.subarray(1)))
    }
    const { settings, clientPin, person } = this.#parts
    switch (command) {
      case COMMAND.makeCredential: return makeCredential(fields(), this.#parts, exchange)
      case COMMAND.getAssertion: return this.#assertions.first(fields(), exchange)
      case COMMAND.getNextAssertion: return this.#assertions.next()
      case COMMAND.getInfo: return this.#info()
      case COMMAND.reset: return this.#reset(exchange)
      case COMMAND.clientPin:
        if (this.#protocols.length > 0) return clientPin.command(fields(), exchange)
        break
      case COMMAND.selection:
        if (settings.is21) return void await person.present('selection', exchange)
        break
      case COMMAND.credentialManagement:
        if (this.#managesCredentials && settings.is21) return this.#management.command(fields())
        break
      case COMMAND.credentialManagementPreview:
        if (this.#managesCredentials) return this.#management.command(fields())
        break
      default:
    }
    throw new Refusal('INVALID_COMMAND')
  }

  get #is21(): boolean {
    return this.#options.versions?.includes('FIDO_2_1') ?? true
  }

  get #protocols(): readonly PinProtocolVersion[] {
    return this.#options.pinProtocols ?? (this.#is21 ? [2, 1] : [1])
  }

  get #capacity(): number {
    const { residentKeys = true } = this.#options
    return typeof residentKeys === 'number' ? residentKeys : residentKeys ? 25 : 0
  }

  get #managesCredentials(): boolean {
    return this.#capacity > 0 && this.#protocols.length > 0 && (this.#options.credentialManagement ?? true)
  }

  /** As it leaves the factory, with a device key of its own. */
  #newParts(): Parts {
    const options = this.#options
    const settings: Settings = {
      versions: options.versions ?? ['FIDO_2_0', 'FIDO_2_1'],
      is21: this.#is21,
      algorithms: options.algorithms ?? ['ES256', 'EdDSA'],
      hmacSecret: (options.hmacSecret ?? true) && this.#protocols.length > 0,
      credProtect: options.credProtect ?? true,
      counter: options.counter ?? true,
      attestation: options.attestation ?? 'self',
      makeCredUvNotRequired: options.makeCredUvNotRequired ?? true,
      maxMsgSize: options.maxMsgSize ?? 7609,
    }
    const clientPin = new ClientPin({
      protocols: this.#protocols,
      hasPermissions: this.#is21,
      hasCredentialManagement: this.#managesCredentials,
      verify: options.builtInUv ? options.verify ?? (() => true) : undefined,
      timers: this.#timers,
    })
    const person = new Person(options.touch ?? (() => true), this.#timers)
    return new Parts(settings, { clientPin, residents: new ResidentCredentials(this.#capacity), person, timers: this.#timers })
  }

  /** authenticatorGetInfo (CTAP 2.1, section 6.4). */
  #info(): CborMap {
    const { settings, residents } = this.#parts
    const extensions = [...settings.credProtect ? ['credProtect'] : [], ...settings.hmacSecret ? ['hmac-secret'] : []]
    return new Map<number, unknown>([
      [1, settings.versions],
      ...extensions.length > 0 ? [[2, extensions] as const] : [],
      [3, AAGUID],
      [4, this.#infoOptions()],
      [5, settings.maxMsgSize],
      ...this.#protocols.length > 0 ? [[6, this.#protocols] as const] : [],
      ...settings.is21 ? this.#info21() : [],
      ...settings.is21 && residents.capacity > 0 ? [[20, residents.remaining] as const] : [],
    ])
  }

  #info21(): readonly (readonly [number, unknown])[] {
    const algorithms = this.#parts.settings.algorithms.map(name => new Map<string, unknown>([['alg', ALGORITHM[name]], ['type', 'public-key']]))
    return [[7, LONGEST_LIST], [8, LONGEST_ID], [9, ['usb']], [10, algorithms], [13, SHORTEST_PIN], [14, 1]]
  }

  #infoOptions(): ReadonlyMap<string, boolean> {
    const { settings, clientPin, residents } = this.#parts
    return new Map([
      ['rk', residents.capacity > 0],
      ['up', true],
      ['plat', false],
      ...clientPin.verification ? [['uv', true] as const] : [],
      ...this.#protocols.length > 0 ? [['clientPin', clientPin.pin.isSet] as const] : [],
      ...settings.is21 && this.#protocols.length > 0 ? [['pinUvAuthToken', true] as const] : [],
      ...settings.is21 && settings.makeCredUvNotRequired ? [['makeCredUvNotRqd', true] as const] : [],
      ...this.#managesCredentials && settings.is21 ? [['credMgmt', true] as const] : [],
      // Platforms that came before CTAP 2.1 know no other.
      ...this.#managesCredentials ? [['credentialMgmtPreview', true] as const] : [],
    ])
  }

  async #reset(exchange: Exchange): Promise<undefined> {
    if (this.#timers.now() - this.#poweredUp > RESET_WITHIN) throw new Refusal('NOT_ALLOWED')
    await this.#parts.person.present('reset', exchange)
    this.#parts = this.#newParts()
    this.#assertions = new Assertions(this.#parts)
    this.#management = new CredentialManagement(this.#parts)
  }
}

const COMMAND = {
  makeCredential: 0x01,
  getAssertion: 0x02,
  getInfo: 0x04,
  clientPin: 0x06,
  reset: 0x07,
  getNextAssertion: 0x08,
  credentialManagement: 0x0a,
  selection: 0x0b,
  credentialManagementPreview: 0x41,
} as const
