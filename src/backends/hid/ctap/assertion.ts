import { z } from 'zod'
import { Fault } from '../../../core/errors.ts'
import { parseAuthenticatorData } from '../../../crypto/authenticator-data.ts'
import { sameBytes } from '../../../crypto/bytes.ts'
import { mapOf } from './cbor.ts'
import { COMMAND } from './commands.ts'
import type { Send } from './commands.ts'
import { HmacSecret } from './hmac-secret.ts'
import type { ClientPin } from './client-pin.ts'
import type { AuthenticatorInfo } from './info.ts'
import type { PinUvToken } from './pin-token.ts'
import { bytes, count, named, numbered, read } from './reading.ts'
import { descriptors, LONGEST_ID, requireHash, requireSaid, verification } from './statement.ts'

export interface AssertionOptions {
  /** Its id. */
  readonly relyingParty: string
  /** 32 bytes. */
  readonly clientDataHash: Uint8Array
  /** The credentials to choose from. Absent: the resident ones. */
  readonly allow?: readonly Uint8Array[]
  /** With the permission `getAssertion`. It makes the device verify the user. */
  readonly token?: PinUvToken
  /** The device verifies the user itself, without a token, as those of CTAP 2.0 do. */
  readonly userVerification?: 'built-in'
  /** Whether a touch is needed: true unless told. */
  readonly userPresence?: boolean
  /** 32 bytes each. For each there is a secret, which differs with and without user verification (CTAP 2.1, section 12.5). */
  readonly hmacSecret?: { readonly salts: readonly [Uint8Array] | readonly [Uint8Array, Uint8Array] }
}

export interface Assertion {
  readonly credentialId: Uint8Array
  readonly authenticatorData: Uint8Array
  /** As the device gave it, of authenticatorData ‖ clientDataHash: DER for ES256. Not checked here. */
  readonly signature: Uint8Array
  readonly userVerified: boolean
  readonly counter: number
  readonly user: KnownUser | undefined
  /** 32 bytes each, one for each salt: secrets, which the caller erases. Absent where none were asked for, or the credential was made without. */
  readonly hmacSecret: readonly Uint8Array[] | undefined
}

/** What the device tells of a resident credential's user. Names come with user verification alone. */
export interface KnownUser {
  readonly id: Uint8Array
  readonly name?: string
  readonly displayName?: string
}

/** Fields of the request (CTAP 2.1, section 6.2). */
const [RELYING_PARTY, HASH, ALLOW, EXTENSIONS, OPTIONS, AUTHENTICATION, PROTOCOL] = [1, 2, 3, 4, 5, 6, 7]

/** More no device keeps. */
export const MOST_CREDENTIALS = 1000
const LONGEST_SIGNATURE = 1024

const optionalText = z.string().optional()

/** What devices tell of a user. */
export const knownUser = named(z.object({ id: bytes(1, 64), name: optionalText, displayName: optionalText })).transform(
  ({ id, name, displayName }): KnownUser => ({ id, ...name !== undefined && { name }, ...displayName !== undefined && { displayName } }),
)
/** The id in a credential descriptor. */
export const descriptor = named(z.object({ id: bytes(1, LONGEST_ID), type: z.literal('public-key') })).transform(({ id }) => id)

const responseSchema = numbered(z.object({
  1: descriptor.optional(), 2: bytes(37, Infinity), 3: bytes(1, LONGEST_SIGNATURE), 4: knownUser.optional(), 5: count.min(1).max(MOST_CREDENTIALS).default(1),
}))

/** Has the device sign, with each credential that fits (authenticatorGetAssertion and GetNextAssertion; CTAP 2.1, sections 6.2 and 6.3). */
export async function getAssertions(send: Send, pin: ClientPin, info: AuthenticatorInfo, options: AssertionOptions): Promise<readonly Assertion[]> {
  const { relyingParty, clientDataHash, allow, userPresence = true } = options
  requireHash(clientDataHash)
  if (allow?.length === 0) throw new Fault('invalid-argument', 'None of no credentials can be asked for: leave `allow` out for resident ones')
  const allowed = allow && descriptors(info, allow)
  if (allowed?.length === 0) throw new Fault('wrong-device', 'The device does not hold the credential: take the one that does')
  const { uv, protocol, authentication } = verification(info, options, clientDataHash)
  const secret = options.hmacSecret && await HmacSecret.ask(pin, info, options.hmacSecret.salts)
  try {
    const first = await send(COMMAND.getAssertion, [
      [RELYING_PARTY, relyingParty],
      [HASH, clientDataHash],
      [ALLOW, allowed],
      [EXTENSIONS, secret && new Map([['hmac-secret', secret.input]])],
      [OPTIONS, mapOf({ up: userPresence ? undefined : false, uv })],
      [AUTHENTICATION, authentication],
      [PROTOCOL, protocol],
    ])
    const { 5: number } = read(responseSchema, first, 'an assertion')
    if (number > (allow?.length ?? MOST_CREDENTIALS)) throw new Fault('backend-failed', 'The device has more assertions than it was asked for')
    return await readAll(first, number, send, response => readAssertion(response, options, secret))
  } finally {
    secret?.erase()
  }
}

/** One that can't be read ends all; the secrets of those before it are erased. */
async function readAll(first: unknown, number: number, send: Send, readOne: (response: unknown) => Assertion): Promise<readonly Assertion[]> {
  const assertions: Assertion[] = []
  try {
    assertions.push(readOne(first))
    // oxlint-disable-next-line no-await-in-loop -- a device tells of one after the other
    while (assertions.length < number) assertions.push(readOne(await send(COMMAND.getNextAssertion)))
    return assertions
  } catch (error) {
    for (const { hmacSecret } of assertions) hmacSecret?.forEach(secret => secret.fill(0))
    throw error
  }
}

function readAssertion(response: unknown, options: AssertionOptions, secret: HmacSecret | undefined): Assertion {
  const { 1: id, 2: authenticatorData, 3: signature, 4: user } = read(responseSchema, response, 'an assertion')
  const { allow } = options
  const said = parseAuthenticatorData(authenticatorData)
  if (said === undefined || said.credential !== undefined) throw new Fault('backend-failed', 'The device sent an assertion that is none')
  requireSaid(said, authenticatorData, options)
  // Where there is no choice, devices of CTAP 2.0 may leave out which it is.
  const credentialId = id ?? (allow?.length === 1 ? allow[0] : undefined)
  if (credentialId === undefined) throw new Fault('backend-failed', 'The device does not say which credential it signed with')
  if (allow?.some(id => sameBytes(id, credentialId)) === false) throw new Fault('backend-failed', 'The device signed with a credential that was not asked for')
  const { userVerified, counter, extensions } = said
  return { credentialId, authenticatorData, signature, userVerified, counter, user, hmacSecret: secret?.read(extensions?.get('hmac-secret')) }
}
