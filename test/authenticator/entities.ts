import type { CborMap, Fields } from './cbor.ts'
import type { RelyingParty, User } from './resident-credentials.ts'
import { Refusal } from './status.ts'

/** The longest list of credentials, and the longest credential id, that are taken. */
export const [LONGEST_LIST, LONGEST_ID] = [8, 128]

export function relyingPartyOf(fields: Fields): RelyingParty {
  return { id: fields.text('id'), name: fields.maybeText('name') }
}

export function userOf(fields: Fields): User {
  const id = fields.bytes('id')
  if (id.length === 0 || id.length > 64) throw new Refusal('INVALID_LENGTH')
  return { id, name: fields.maybeText('name'), displayName: fields.maybeText('displayName') }
}

/** The ids in a list of credential descriptors. Types that are not known are passed over. */
export function idsOf(descriptors: readonly Fields[] | undefined): readonly Uint8Array[] | undefined {
  if (descriptors === undefined) return undefined
  if (descriptors.length === 0) throw new Refusal('INVALID_PARAMETER')
  if (descriptors.length > LONGEST_LIST) throw new Refusal('LIMIT_EXCEEDED')
  return descriptors.flatMap(each => {
    const [id, type] = [each.bytes('id'), each.text('type')]
    return type === 'public-key' ? [id] : []
  })
}

/** What of a user is told: all of it, or the id alone. */
export function userMap({ id, name, displayName }: User, inFull: boolean): CborMap {
  const texts = inFull ? [['name', name], ['displayName', displayName]] as const : []
  return new Map<string, unknown>([['id', id], ...texts.filter(([, text]) => text !== undefined)])
}

export function relyingPartyMap({ id, name }: RelyingParty): CborMap {
  return new Map([['id', id], ...name === undefined ? [] : [['name', name] as const]])
}
