import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openWebAuthn } from '../src/webauthn.ts'
import { Browser } from '../test/backends/webauthn/chromium.ts'
import { buildPage } from './page.ts'

// Makes docs/webauthn.png: what a person sees who is asked to sign, in light and in dark. node scripts/picture.ts
const root = join(import.meta.dirname, '..')
const { signal } = new AbortController()
const asker = { node: 'z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', name: 'bookkeeping' }
const data = new TextEncoder().encode('Pay 100.00 EUR to Ada Lovelace\nReference: notes on the engine, 1843')

await buildPage(root)
await using webauthn = await openWebAuthn({ port: 0 })
await using browser = await Browser.launch()
const seat = await browser.open(webauthn.url)
await seat.plug()
const identity = await webauthn.backend.generate({ key: 'picture', params: 'P256', capabilities: 'CommitAndDecrypt' }, signal)
await seat.behaves('waits')
const ended = new AbortController()
const signing = (await webauthn.backend.signer(identity, signal)).sign(data, ended.signal, asker)
await seat.page.setViewportSize({ width: 640, height: 560 })
await seat.page.locator('button[data-action=approve]:enabled').waitFor()
const pictures: string[] = []
for (const colorScheme of ['light', 'dark'] as const) {
  await seat.page.emulateMedia({ colorScheme })
  pictures.push((await seat.page.screenshot({ animations: 'disabled' })).toString('base64'))
}
ended.abort()
await Promise.allSettled([signing])

const both = await browser.context.newPage()
await both.setViewportSize({ width: 1280, height: 560 })
await both.setContent(`<style>body { margin: 0; display: flex }</style>${pictures.map(picture => `<img src="data:image/png;base64,${picture}">`).join('')}`)
const picture = await both.screenshot()
await writeFile(join(root, 'docs/webauthn.png'), picture)
console.log(`docs/webauthn.png, ${picture.length} bytes`)
