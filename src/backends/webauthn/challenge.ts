import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'

/** "ipse/webauthn/1", then a zero byte: not how a signable begins, so that no assertion made for anything else is a commitment. */
const PREFIX = Uint8Array.of(...new TextEncoder().encode('ipse/webauthn/1'), 0)

/**
 * The challenge of an assertion that is no commitment, but shows that a person was there while something was unwrapped. The page makes it, of a nonce of the
 * node's: a challenge that is taken as it comes could be the hash of anything.
 */
export function challengeFor(nonce: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(sha256(concatBytes(PREFIX, nonce)))
}
