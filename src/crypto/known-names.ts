import { parseIdentityName } from './identity-name.ts'
import type { IdentityName, ParsedIdentityName } from './identity-name.ts'

/** At most so many names are remembered, and twice as many for a moment. */
const LIMIT = 512

/** Names that were read since the last change of generation, and in the generation before. */
let recent = new Map<string, ParsedIdentityName>()
let before = new Map<string, ParsedIdentityName>()

/**
 * As {@link parseIdentityName}, which takes as long as verifying a signature, but for names that were read not long ago. For this layer alone: what
 * it answers is shared, and must not be changed. An identity with a bundle is read each time, since only that shows that the two belong together.
 */
export function readIdentity(identity: string | IdentityName): ParsedIdentityName {
  if (typeof identity !== 'string' && identity?.bundle !== undefined) return parseIdentityName(identity)
  const name: unknown = typeof identity === 'string' ? identity : identity?.name
  // What is no text could be another name when it is looked up again.
  if (typeof name !== 'string') return parseIdentityName(identity)
  const known = recent.get(name)
  if (known !== undefined) return known
  const parsed = before.get(name) ?? parseIdentityName(name)
  if (recent.size === LIMIT) {
    before = recent
    recent = new Map()
  }
  // By the text that was printed: what was given may be a piece of a long one, which it would keep.
  recent.set(parsed.name, parsed)
  return parsed
}
