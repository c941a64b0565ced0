import { Fault } from '../../core/errors.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { Authenticator } from './ctap/authenticator.ts'
import type { AuthenticatorInfo } from './ctap/info.ts'
import { CtapHid } from './ctaphid/ctaphid.ts'
import type { Clock } from './ctaphid/exchange.ts'
import { pause } from './ctaphid/waiting.ts'
import type { HidConnection, HidDevice, HidDevices } from './hid.ts'

export interface DeviceSources {
  readonly devices: HidDevices
  readonly random: RandomBytes
  readonly clock: Clock
}

/** A device with a channel of its own, of which is known what it can do. */
export interface OpenDevice {
  readonly device: HidDevice
  readonly authenticator: Authenticator
  /** Aborts when it is there no more. */
  readonly gone: AbortSignal
  /** Harmless when repeated. */
  close(): Promise<void>
}

/** In milliseconds: a device is listed before its rules have given this process the right to it. */
const SETTLING = [50, 100, 200, 400]

/** Rejects with `device-gone`, `device-unavailable`, `device-busy`, `not-available` for a device without FIDO2, `backend-failed`. */
export async function openDevice(device: HidDevice, sources: DeviceSources, signal: AbortSignal): Promise<OpenDevice> {
  const { random, clock } = sources
  const hid = await CtapHid.open(await connect(device, sources, signal), { random, clock }, signal)
  try {
    const authenticator = await Authenticator.open(hid, { random }, { signal })
    return { device, authenticator, gone: hid.gone, close: () => hid.close() }
  } catch (error) {
    await hid.close()
    throw error
  }
}

async function connect(device: HidDevice, { devices, clock }: DeviceSources, signal: AbortSignal): Promise<HidConnection> {
  /* oxlint-disable no-await-in-loop -- one attempt after the other */
  for (const delay of SETTLING) {
    try {
      return await devices.open(device)
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'device-unavailable')) throw error
    }
    await pause(clock, delay, signal)
  }
  /* oxlint-enable no-await-in-loop */
  return devices.open(device)
}

/** Which of these credentials the device holds, as far as it says so without a touch. */
export async function heldBy({ authenticator }: Pick<OpenDevice, 'authenticator'>, relyingParty: string, ids: readonly Uint8Array[], signal: AbortSignal): Promise<Uint8Array | undefined> {
  for (const allow of batchesOf(authenticator.info, ids)) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- a device does one thing at a time
      const [assertion] = await authenticator.getAssertions({ relyingParty, clientDataHash: new Uint8Array(32), allow, userPresence: false }, { signal })
      if (assertion !== undefined) return assertion.credentialId
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'wrong-device')) throw error
    }
  }
  return undefined
}

/** In bytes: what a request for assertions has beside the ids, with the longest relying party; and what goes with each id. */
const [REQUEST, DESCRIPTOR] = [320, 24]

/** As many ids at a time as the device takes. What is longer than any of its own is none of them. */
function* batchesOf({ maxMsgSize, maxCredentialCountInList: most = 1, maxCredentialIdLength: longest = Infinity }: AuthenticatorInfo, ids: readonly Uint8Array[]): Generator<readonly Uint8Array[]> {
  let [batch, size]: [Uint8Array[], number] = [[], REQUEST]
  for (const id of ids.filter(({ length }) => length <= longest)) {
    const grown = size + id.length + DESCRIPTOR
    if (batch.length > 0 && (batch.length >= most || grown > maxMsgSize)) {
      yield batch
      ;[batch, size] = [[], REQUEST]
    }
    batch.push(id)
    size += id.length + DESCRIPTOR
  }
  if (batch.length > 0) yield batch
}
