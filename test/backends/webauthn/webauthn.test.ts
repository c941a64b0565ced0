import { afterAll } from 'vitest'
import type { WebAuthn } from '../../../src/backends/webauthn/webauthn.ts'
import { openWebAuthn } from '../../../src/webauthn.ts'
import { backendCompliance } from '../compliance.ts'
import { SoftwarePerson } from './software-page.ts'

const open: WebAuthn[] = []
afterAll(async () => {
  for (const webauthn of open) await webauthn.close()
})

for (const resident of [false, true]) {
  backendCompliance(`WebAuthn, with a page and an authenticator in software, ${resident ? 'resident' : 'not resident'},`, async () => {
    const webauthn = await openWebAuthn({ port: 0, resident })
    open.push(webauthn)
    const person = await SoftwarePerson.at(webauthn.url)
    person.always()
    return webauthn.backend
  }, { params: ['P256', 'Ed25519'], capabilities: ['Commit', 'Decrypt', 'CommitAndDecrypt'] })
}
