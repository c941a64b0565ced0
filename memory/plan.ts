import { z } from 'zod'

export const params = ['Ed25519', 'Secp256k1', 'P256', 'BLS', 'MLDSA65'] as const

/** What a program is to do before its memory is looked at. */
export const planSchema = z.strictObject({
  /** Of each of the `params`. */
  identities: z.int().min(1),
  /** How often each signs, and how often it decrypts. */
  uses: z.int().min(1),
  /** How it ends: the vault is locked; or all identities are deleted and purged, and it stays unlocked. */
  end: z.enum(['lock', 'delete']),
  /** Where its store, its keyslots and what it reports lie. */
  folder: z.string(),
})

export type Plan = z.output<typeof planSchema>
export type End = Plan['end']

const masked = z.strictObject({ label: z.string(), mask: z.string(), masked: z.string() })

/** When a program waits to be looked at: while the vault is in use; right after its end; and once what is garbage then was collected. */
export const moments = ['in use', 'ended', 'collected'] as const
export type Moment = typeof moments[number]

/** What a program says when it is there to be looked at: its secrets, and the names of its identities in the order of their keys. */
export const pausedSchema = z.strictObject({ at: z.enum(moments), secrets: z.array(masked), names: z.array(z.string()) })

export type Paused = z.output<typeof pausedSchema>
