import { COMMAND } from './commands.ts'
import type { Send } from './commands.ts'
import type { AuthenticatorInfo } from './info.ts'
import { PIN_INVALID, PIN_NOT_SET, statusOf } from './status.ts'

const HAS_SELECTION = /^FIDO_2_[1-9]$/

/** Resolves when the device is touched (authenticatorSelection; CTAP 2.1, section 6.9). */
export async function select(send: Send, { versions }: AuthenticatorInfo): Promise<void> {
  if (versions.some(version => HAS_SELECTION.test(version))) await send(COMMAND.selection)
  else await selectByEmptyPin(send)
}

/** Devices of CTAP 2.0 wait for a touch when they are asked for a credential with an empty authentication, and then say whether they have a PIN (section 6.1.2, step 1). */
async function selectByEmptyPin(send: Send): Promise<void> {
  try {
    await send(COMMAND.makeCredential, [
      [1, new Uint8Array(32)],
      [2, new Map([['id', 'ipse.invalid'], ['name', 'ipse']])],
      [3, new Map<string, unknown>([['id', Uint8Array.of(0)], ['name', 'ipse']])],
      [4, [new Map<string, unknown>([['alg', -7], ['type', 'public-key']])]],
      [8, new Uint8Array()],
      [9, 1],
    ])
  } catch (error) {
    const status = statusOf(error)
    if (status !== PIN_INVALID && status !== PIN_NOT_SET) throw error
  }
}
