import * as z from 'zod'
import { defineProtocol, exchange } from '../../../core/protocol.ts'
import type { ProtocolOf } from '../../../core/protocol.ts'
import { OUTCOME_CODES } from '../ceremony.ts'

/**
 * `absent`: no device that would do is there. `ready`: one is, and nothing is asked of it. `busy`: it works. `touch`: it waits for a touch. `pin`: a PIN is asked for.
 * `locked`: each device that is there takes no PIN any more. `gone`: a device was pulled out in mid-request, until it is known which others are there.
 */
export const KEY_STATES = ['absent', 'ready', 'busy', 'touch', 'pin', 'locked', 'gone'] as const
export type KeyState = (typeof KEY_STATES)[number]

const ceremony = z.string().min(1).max(64)

/** What a security key's engine is asked. Keys, PINs and data are in none of it: a ceremony is named, and what it does and answers is between its caller and the device. */
export const securityKeyProtocol = defineProtocol({
  id: 'ipse/security-key',
  version: 1,
  codes: [...OUTCOME_CODES],
  requests: {
    /** Answered when the ceremony is over: it succeeded, or was refused with why not. */
    PerformRequest: exchange({ ceremony }, {}),
    StateRequest: exchange({}, {
      state: z.enum(KEY_STATES),
      /** The ceremony under way. */
      current: z.string().optional(),
      /** How many more wait. */
      waiting: z.number(),
      devices: z.number(),
    }),
  },
  tells: {
    /** Nobody waits for it any more. */
    Cancel: { ceremony },
  },
})
export interface SecurityKeyProtocol extends ProtocolOf<typeof securityKeyProtocol> {}
