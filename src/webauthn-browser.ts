import { serve } from './backends/webauthn/browser/serve.ts'
import type { ServeOptions, Serving } from './backends/webauthn/browser/serve.ts'
import { randomBytes } from './crypto/random.ts'
import { platformHost } from './runtime/platform.ts'

// What `ipse/backends/webauthn/browser` exports: for browsers alone.

/**
 * Answers the ceremonies of a node from any page whose origin that node knows: draws a card that asks the person, or asks by `confirm`. Throws `invalid-argument` for
 * neither.
 */
export function serveCeremonies(options: ServeOptions): Serving {
  return serve(options, { clock: platformHost(), random: randomBytes })
}

export type { Ceremony } from './backends/webauthn/messages.ts'
export type { ServeOptions, Serving } from './backends/webauthn/browser/serve.ts'
export type { Shown, Status } from './backends/webauthn/browser/session.ts'
