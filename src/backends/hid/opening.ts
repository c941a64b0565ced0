import type { EngineRef, ExternalIdentity } from '../../core/engine-id.ts'
import type { Engine } from '../../core/engine.ts'
import { Fault } from '../../core/errors.ts'
import type { Client } from '../../core/client.ts'
import type { Hosted } from '../../xstate/family.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import type { Store } from '../../stores/store.ts'
import type { Backend } from '../backend.ts'
import { CredentialRecords } from '../credential/records.ts'
import { Ceremonies } from './ceremonies.ts'
import type { Clock } from './ctaphid/exchange.ts'
import { Enrolment } from './enrolment.ts'
import type { EnrolledCredential } from '../credential/enrolled.ts'
import { HidBackend } from './hid-backend.ts'
import type { HidDevice, HidDevices } from './hid.ts'
import { Management } from './management.ts'
import type { DeviceInfo, ResidentCredential } from './management.ts'
import type { Prompt } from './prompt.ts'
import { Requests } from './requests.ts'
import { securityKey } from './security-key/engine.ts'
import type { SecurityKey } from './security-key/engine.ts'
import type { SecurityKeyProtocol } from './security-key/messages.ts'

/** What is used of a node. */
export interface Spawner {
  client(name: string): Client
  spawn(engine: Engine<Hosted<SecurityKey>>, options: {
    readonly name: string
    readonly config: { readonly patience: number }
    readonly services: { readonly devices: Ceremonies }
    readonly acquaintances: readonly Client[]
  }): Promise<EngineRef<SecurityKeyProtocol>>
  stop(engine: EngineRef<SecurityKeyProtocol>): Promise<void>
}

export interface HidSettings {
  readonly devices: HidDevices
  readonly prompt: Prompt
  readonly store: Store
  readonly random: RandomBytes
  readonly clock: Clock
  /** Of the engine. Its client is called so too, with "-client" after it. */
  readonly name: string
  readonly relyingParty: string
  readonly userVerification: boolean
  readonly resident: boolean
  /** In milliseconds. */
  readonly patience: number
}

/** FIDO2 devices as a backend, and what else can be done with them. */
export interface Hid extends AsyncDisposable {
  readonly backend: Backend
  /** Orders what is wanted of the devices. Observers hear of it in which state they are. */
  readonly engine: EngineRef<SecurityKeyProtocol>
  /** What is plugged in now. Rejects with `device-unavailable`. */
  devices(): Promise<readonly HidDevice[]>
  /**
   * Lets another device decrypt for an identity too: asks for one that does already, and then for the other. Answers what names the new credential. Rejects with
   * `not-found`, `not-available`, and the codes of devices.
   */
  enrol(identity: ExternalIdentity, signal?: AbortSignal): Promise<string>
  /**
   * Has that one decrypt no more; if the identity signs by it, it still does. One that its device keeps is deleted there, unless the device is `lost`: then what is stored of it is all that is erased. Who had both
   * it and a copy of the store before can still decrypt. Rejects with `not-found`, `not-available` for the last one that decrypts, and the codes of devices.
   */
  remove(identity: ExternalIdentity, credential: string, options?: { readonly lost?: boolean; readonly signal?: AbortSignal }): Promise<void>
  /** Rejects with `not-found`. */
  credentials(identity: ExternalIdentity): Promise<readonly EnrolledCredential[]>
  /** The identities that are kept in the store. */
  identities(): Promise<readonly ExternalIdentity[]>
  /** Erases what is stored of an identity whose device is lost, or was reset: what is left on a device stays there. Rejects with `not-found`. */
  forget(identity: ExternalIdentity): Promise<void>
  /** What a device says of itself: of several, the person chooses. Rejects with the codes of devices, as the two below do. */
  info(signal?: AbortSignal): Promise<DeviceInfo>
  /** Sets a PIN, or with `old` changes it. Rejects with `invalid-argument` for one that the device does not take, `pin-wrong`. */
  setPin(pin: string, old?: string, signal?: AbortSignal): Promise<void>
  /** The credentials for this relying party that a device keeps. */
  residents(signal?: AbortSignal): Promise<readonly ResidentCredential[]>
  /** Ends what is under way, and stops the engine. The store stays the caller's to close. Harmless when repeated. */
  close(): Promise<void>
}

/** How much longer than a person's patience a request may take in all: one ceremony asks several times, and others may come first. */
const PATIENCES = 30

export async function openSecurityKeys(node: Spawner, settings: HidSettings): Promise<Hid> {
  const { devices, name, patience, store, ...rest } = settings
  const ceremonies = new Ceremonies({ devices, ...rest })
  const client = node.client(`${name}-client`)
  const engine = await node.spawn(securityKey, { name, config: { patience }, services: { devices: ceremonies }, acquaintances: [client] })
  const requests = new Requests({ client, engine, ceremonies, deadline: patience * PATIENCES })
  const parts = { requests, records: new CredentialRecords(store, 'hid'), ...rest }
  const enrolment = new Enrolment(parts)
  const management = new Management(parts)
  let closing: Promise<void> | undefined
  const close = async () => {
    await ceremonies.close()
    await node.stop(engine).catch(unlessStopped)
    client.close()
  }
  return {
    backend: new HidBackend(parts), engine,
    devices: () => devices.list(),
    enrol: (identity, signal = never()) => enrolment.enrol(identity, signal),
    remove: (identity, credential, { lost = false, signal = never() } = {}) => enrolment.remove(identity, credential, { lost, signal }),
    credentials: identity => enrolment.credentials(identity),
    identities: () => enrolment.identities(),
    forget: identity => enrolment.forget(identity),
    info: (signal = never()) => management.info(signal),
    setPin: (pin, old, signal = never()) => management.setPin(pin, old, signal),
    residents: (signal = never()) => management.residents(signal),
    close: () => closing ??= close(),
    [Symbol.asyncDispose]: () => closing ??= close(),
  }
}

/** Somebody may have stopped the engine before, or its node. */
function unlessStopped(error: unknown): void {
  if (!(error instanceof Fault && (error.code === 'node-stopped' || error.code === 'not-found'))) throw error
}

function never(): AbortSignal {
  return new AbortController().signal
}
