import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { localMemory } from '../../src/backends/local-memory/index.ts'
import { createNode, memoryStore } from '../../src/index.ts'
import { openHid } from '../../src/hid.ts'
import { openWebAuthn } from '../../src/webauthn.ts'
import { SoftwareAuthenticator } from '../authenticator/authenticator.ts'
import { PluggedIn } from '../authenticator/plugged-in.ts'
import { Person, PIN } from './hid/hids.ts'
import { abilitiesOf, printTable, readTable } from './parity.ts'
import type { Candidate } from './parity.ts'
import { Disk, key } from './vaults.ts'
import { Browser, testsOfChromium } from './webauthn/chromium.ts'

const PAGE = join(import.meta.dirname, '../../docs/backends.md')
const [BEGIN, END] = ['<!-- abilities -->\n', '\n<!-- end -->']

async function page(): Promise<{ readonly before: string; readonly table: string; readonly after: string }> {
  const [before = '', rest = ''] = (await readFile(PAGE, 'utf8')).split(BEGIN)
  const [table = '', after = ''] = rest.split(END)
  return { before, table, after }
}

async function vaultCandidate(): Promise<Candidate> {
  const disk = new Disk()
  const vault = await disk.open()
  return {
    title: 'vault',
    backend: vault.backend,
    async restore(identity) {
      const elsewhere = await new Disk().open()
      await elsewhere.importBackup(await vault.exportBackup([identity], key()), key())
      return elsewhere.backend
    },
    async reopen() {
      await vault.close()
      return (await disk.open()).backend
    },
  }
}

/** FIDO2 devices in software, over HID. */
async function hidCandidate(): Promise<Candidate> {
  const devices = new PluggedIn()
  const first = devices.plug(new SoftwareAuthenticator({ pin: PIN }))
  const person = new Person()
  const store = memoryStore()
  const open = async () => openHid(await createNode(), { devices, prompt: person, store })
  const hid = await open()
  return {
    title: 'hid',
    backend: hid.backend,
    asked: () => person.asked.length,
    async reopen() {
      await hid.close()
      return (await open()).backend
    },
    async enrol(identity) {
      devices.plug(new SoftwareAuthenticator({ pin: PIN }))
      await hid.enrol(identity)
      devices.unplug(first)
    },
  }
}

/** A page in Chromium, with the authenticators of its DevTools. */
async function webAuthnCandidate(browser: Browser): Promise<Candidate> {
  const store = memoryStore()
  const webauthn = await openWebAuthn({ port: 0, store })
  const seat = await browser.open(webauthn.url)
  const first = await seat.plug()
  return {
    title: 'webauthn',
    backend: webauthn.backend,
    asked: async () => (await first.credentials()).reduce((sum, { signCount }) => sum + signCount, 0),
    async enrol(identity) {
      await seat.behaves('waits')
      const enrolling = webauthn.enrol(identity)
      const approve = seat.page.locator('button[data-action=approve]')
      await approve.click()
      await expect.poll(() => seat.text()).toContain('Now the new authenticator')
      await seat.plug()
      await first.touch(false)
      await approve.click()
      await enrolling
      await first.unplug()
      await seat.behaves('approves')
    },
    async reopen() {
      await webauthn.close()
      const again = await openWebAuthn({ port: Number(new URL(webauthn.url).port), store })
      await seat.page.goto(again.url)
      return again.backend
    },
  }
}

// With IPSE_DOCUMENT=1 the page is made anew from what is found.
async function compare(candidate: Candidate): Promise<void> {
  const found = await abilitiesOf(candidate)
  const { before, table, after } = await page()
  const columns = new Map(readTable(table))
  if (process.env['IPSE_DOCUMENT'] === '1') {
    await writeFile(PAGE, `${before}${BEGIN}${printTable(columns.set(candidate.title, found))}${END}${after}`)
  } else {
    expect(columns.get(candidate.title)).toEqual(found)
  }
}

describe('docs/backends.md says what each backend can do:', () => {
  test('local memory', () => compare({ title: 'local memory', backend: localMemory() }))
  test('a vault', async () => compare(await vaultCandidate()))
  test('HID', async () => compare(await hidCandidate()))
  testsOfChromium(() => test('WebAuthn', async () => {
    await using browser = await Browser.launch()
    await compare(await webAuthnCandidate(browser))
  }))
})
