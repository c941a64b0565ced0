import { openPages } from './backends/webauthn/webauthn.ts'
import type { WebAuthn, WebAuthnOptions } from './backends/webauthn/webauthn.ts'
import { randomBytes } from './crypto/random.ts'
import { platformHost } from './runtime/platform.ts'
import { memoryStore } from './stores/memory/index.ts'

// What `ipse/backends/webauthn` exports: for Node.js alone.

/**
 * Serves a page at this machine's loopback address, where a person with an authenticator answers what identities are asked for: to be generated, to commit, to decrypt. Whoever has
 * the page's address can answer, so it is for that person alone. Rejects with `not-available` without the packages `ws` and `@simplewebauthn/server`, or the
 * page's script; `invalid-argument`; `backend-failed` where the port is taken.
 */
export async function openWebAuthn(options: WebAuthnOptions = {}): Promise<WebAuthn> {
  return openPages({ store: memoryStore(), ...options }, { random: randomBytes, clock: platformHost() })
}

export type { EnrolledCredential } from './backends/credential/enrolled.ts'
export type { WebAuthn, WebAuthnOptions }
