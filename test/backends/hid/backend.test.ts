import { afterAll, describe } from 'vitest'
import type { AuthenticatorOptions } from '../../authenticator/authenticator.ts'
import { backendCompliance } from '../compliance.ts'
import { PIN, world } from './hids.ts'
import type { World } from './hids.ts'

const declared = { params: ['P256', 'Ed25519'], capabilities: ['Commit', 'Decrypt', 'CommitAndDecrypt'] } as const
const CASES: readonly { readonly label: string; readonly device: AuthenticatorOptions; readonly resident?: boolean }[] = [
  { label: 'a device with a PIN', device: { pin: PIN } },
  { label: 'a device that verifies its user itself', device: { builtInUv: true } },
  { label: 'a device that keeps its credentials', device: { pin: PIN, residentKeys: 500 }, resident: true },
  { label: 'a device of CTAP 2.0', device: { pin: PIN, versions: ['FIDO_2_0'], pinProtocols: [1] } },
]

describe.each(CASES)('$label', ({ label, device, resident = false }) => {
  const worlds: World[] = []
  afterAll(async () => {
    for (const one of worlds) await one[Symbol.asyncDispose]()
  })

  backendCompliance(label, async () => {
    const made = await world([device], { resident })
    worlds.push(made)
    return made.hid.backend
  }, declared)
})
