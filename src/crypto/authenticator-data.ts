import { decodeFirst } from 'cborg'
import { isBytes } from '@noble/hashes/utils.js'

/** What an authenticator says beside a signature, and signs (WebAuthn level 3, section 6.1). */
export interface AuthenticatorData {
  /** SHA-256 of the relying party's id. */
  readonly relyingPartyHash: Uint8Array
  readonly userPresent: boolean
  readonly userVerified: boolean
  /** The credential may be copied to other authenticators by its maker's means; and it has been. */
  readonly backupEligible: boolean
  readonly backedUp: boolean
  /** The signature counter; 0 where there is none. */
  readonly counter: number
  /** Of a registration alone. */
  readonly credential?: AttestedCredential
  readonly extensions?: ReadonlyMap<unknown, unknown>
}

export interface AttestedCredential {
  /** 16 bytes: the model of the authenticator. */
  readonly aaguid: Uint8Array
  /** At most 1,023 bytes. */
  readonly id: Uint8Array
  /** A COSE key, as it was sent: see `readCoseKey`. */
  readonly publicKey: Uint8Array
}

const [UP, UV, BE, BS, AT, ED] = [0x01, 0x04, 0x08, 0x10, 0x40, 0x80]
const HEAD_LENGTH = 37
const AAGUID_LENGTH = 16
const LONGEST_ID = 1023

/** CBOR as authenticators must send it: definite, of the shortest forms, keys once. Maps, since keys are numbers. */
export const AUTHENTICATOR_CBOR = Object.freeze({ strict: true, allowIndefinite: false, allowUndefined: false, rejectDuplicateMapKeys: true, useMaps: true })

/**
 * Reads authenticator data, whole: `undefined` for what is cut off, has bytes after it, or flags that contradict what is there or each other (backed up, and not eligible
 * for it). The parts are views.
 */
export function parseAuthenticatorData(bytes: Uint8Array): AuthenticatorData | undefined {
  if (!isBytes(bytes) || bytes.length < HEAD_LENGTH) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const flags = view.getUint8(32)
  const has = (flag: number) => (flags & flag) !== 0
  if (has(BS) && !has(BE)) return undefined
  let rest = bytes.subarray(HEAD_LENGTH)
  let credential: AttestedCredential | undefined
  if (has(AT)) {
    const attested = splitCredential(rest)
    if (attested === undefined) return undefined
    ;[credential, rest] = attested
  }
  let extensions: ReadonlyMap<unknown, unknown> | undefined
  if (has(ED)) {
    const item = splitItem(rest)
    if (!(item?.value instanceof Map)) return undefined
    extensions = item.value
    rest = item.rest
  }
  if (rest.length > 0) return undefined
  return {
    relyingPartyHash: bytes.subarray(0, 32), userPresent: has(UP), userVerified: has(UV), backupEligible: has(BE), backedUp: has(BS), counter: view.getUint32(33),
    ...credential && { credential }, ...extensions && { extensions },
  }
}

function splitCredential(bytes: Uint8Array): readonly [AttestedCredential, Uint8Array] | undefined {
  const [high, low] = bytes.subarray(AAGUID_LENGTH)
  if (high === undefined || low === undefined) return undefined
  const start = AAGUID_LENGTH + 2
  const end = start + high * 256 + low
  if (end - start > LONGEST_ID || bytes.length < end) return undefined
  const key = splitItem(bytes.subarray(end))
  return key && [{ aaguid: bytes.subarray(0, AAGUID_LENGTH), id: bytes.subarray(start, end), publicKey: key.item }, key.rest]
}

/** The first item of CBOR, as a value and as bytes, and what follows it. */
function splitItem(bytes: Uint8Array): { readonly value: unknown; readonly item: Uint8Array; readonly rest: Uint8Array } | undefined {
  try {
    const [value, rest]: [unknown, Uint8Array] = decodeFirst(bytes, AUTHENTICATOR_CBOR)
    const length = bytes.length - rest.length
    return { value, item: bytes.subarray(0, length), rest: bytes.subarray(length) }
  } catch {
    // No CBOR, or nested more deeply than the stack is deep.
    return undefined
  }
}
