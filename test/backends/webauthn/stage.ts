import { openPages } from '../../../src/backends/webauthn/webauthn.ts'
import type { WebAuthn, WebAuthnOptions } from '../../../src/backends/webauthn/webauthn.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { memoryStore } from '../../../src/stores/memory/index.ts'
import { ManualClock } from '../hid/manual-clock.ts'

/** An open backend whose time is the test's. */
export async function stage(options: WebAuthnOptions = {}): Promise<{ readonly webauthn: WebAuthn; readonly clock: ManualClock }> {
  const clock = new ManualClock()
  return { webauthn: await openPages({ store: memoryStore(), port: 0, ...options }, { random: randomBytes, clock }), clock }
}
