import { z } from 'zod'
import type { AuthenticatorOptions } from './authenticator.ts'

const kind = z.strictObject({
  pin: z.string().exactOptional(),
  builtInUv: z.boolean().exactOptional(),
  algorithms: z.array(z.enum(['ES256', 'EdDSA'])).exactOptional(),
  attestation: z.enum(['self', 'none']).exactOptional(),
  residentKeys: z.number().exactOptional(),
  pinProtocols: z.array(z.union([z.literal(1), z.literal(2)])).exactOptional(),
  versions: z.array(z.string()).exactOptional(),
  maxMsgSize: z.number().exactOptional(),
  /** What the person does. */
  person: z.enum(['touches', 'denies', 'waits', 'is slow']).default('touches'),
})

/** A kind of authenticator that another process can be told, as JSON. */
export type Kind = z.input<typeof kind>

export function kindOf(json: string): AuthenticatorOptions {
  const { person, ...options } = kind.parse(JSON.parse(json))
  return { ...options, touch: touches[person] }
}

const touches = {
  touches: () => true,
  denies: () => false,
  waits: () => new Promise<boolean>(() => {}),
  'is slow': () => new Promise<boolean>(resolve => setTimeout(resolve, 350, true)),
}
