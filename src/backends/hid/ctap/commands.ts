import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../../../core/errors.ts'
import type { CtapHid } from '../ctaphid/ctaphid.ts'
import type { Exchange } from '../ctaphid/exchange.ts'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { LEAST_LARGEST } from './info.ts'
import type { AuthenticatorInfo } from './info.ts'
import { faultOf } from './status.ts'

/** CTAP 2.1, section 6. */
export const COMMAND = {
  makeCredential: 0x01, getAssertion: 0x02, getInfo: 0x04, clientPin: 0x06, reset: 0x07, getNextAssertion: 0x08, credentialManagement: 0x0a, selection: 0x0b,
  credentialManagementPreview: 0x41,
} as const

/** Fields that are undefined are left out. */
export type Parameters = readonly (readonly [field: number, value: unknown])[]

/** Sends one command, and answers the fields of the response. Throws what {@link faultOf} says, and `backend-failed` for a response that is none. */
export type Send = (command: number, parameters?: Parameters) => Promise<ReadonlyMap<unknown, unknown>>

/** Sends to a device, which has said `info` of itself, unless it was not asked yet. */
export function sender(device: CtapHid, info: AuthenticatorInfo | undefined, exchange: Exchange): Send {
  const limit = info?.maxMsgSize ?? LEAST_LARGEST
  const canVerify = info?.options.get('clientPin') === true || info?.options.get('uv') === true
  return async (command, parameters) => {
    const request = concatBytes(Uint8Array.of(command), parameters === undefined ? new Uint8Array() : encodeFields(parameters))
    if (request.length > limit) throw new Fault('not-available', `The request has ${request.length} bytes, and the device takes ${limit}: name fewer credentials`)
    const response = await device.cbor(request, exchange)
    const [status] = response
    if (status === undefined) throw new Fault('backend-failed', 'The device answered nothing')
    if (status !== 0) throw faultOf(status, canVerify)
    return decodeFields(response.subarray(1))
  }
}

/** Canonical CBOR of a map. */
export function encodeFields(parameters: Parameters): Uint8Array {
  return encodeCanonical(new Map(parameters.filter(([, value]) => value !== undefined)))
}

function decodeFields(bytes: Uint8Array): ReadonlyMap<unknown, unknown> {
  if (bytes.length === 0) return new Map()
  try {
    const response = decodeCanonical(bytes)
    if (response instanceof Map) return response
  } catch (cause) {
    throw new Fault('backend-failed', 'The device sent a response that is no canonical CBOR', { cause })
  }
  throw new Fault('backend-failed', 'The device sent a response that is no map')
}
