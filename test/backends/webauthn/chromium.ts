import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { BrowserContext, CDPSession, Page } from 'playwright-core'
import { expect, test } from 'vitest'

const PROGRAM = '/usr/bin/chromium'
const MISSING = 'Chromium is not installed. On Debian: apt-get install chromium'

/** In a `describe`: tests in a real browser. Where there is none, one skipped test whose name says so, and under CI=true a failure. */
export function testsOfChromium(body: () => void): void {
  if (existsSync(PROGRAM)) body()
  else if (process.env['CI'] === 'true') test(MISSING, () => expect.fail('CI must have Chromium'))
  else test.skip(MISSING)
}

/** A virtual authenticator, plugged in. */
export interface Authenticator {
  readonly id: string
  unplug(): Promise<void>
  verifyUser(isVerified: boolean): Promise<void>
  /** Whether somebody touches it at once. */
  touch(isTouched: boolean): Promise<void>
  credentials(): Promise<readonly { readonly credentialId: string; readonly signCount: number; readonly isResidentCredential: boolean }[]>
}

/** How a person behaves who sits there. */
export type Person = 'approves' | 'denies' | 'waits'

/** Headless Chromium with the authenticators of DevTools. */
export class Browser implements AsyncDisposable {
  readonly #folder: string
  readonly context: BrowserContext

  static async launch(): Promise<Browser> {
    const folder = await mkdtemp(join(tmpdir(), 'chromium-'))
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: PROGRAM, headless: true, ignoreDefaultArgs: ['--headless', '--hide-scrollbars'], viewport: null,
      args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    })
    return new Browser(folder, context)
  }

  private constructor(folder: string, context: BrowserContext) {
    this.#folder = folder
    this.context = context
  }

  /** A page at that address, with a person at it, and no authenticator yet. */
  async open(url: string, person: Person = 'approves'): Promise<Seat> {
    const page = await this.context.newPage()
    const devtools = await this.context.newCDPSession(page)
    await devtools.send('WebAuthn.enable', { enableUI: false })
    await page.addInitScript(behave)
    await page.addInitScript(`behaviour = ${JSON.stringify(person)}`)
    await page.goto(url)
    return new Seat(page, devtools)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

declare global {
  var behaviour: Person
}

/** Runs in the page: presses its buttons as soon as they can be pressed. */
function behave(): void {
  const press = (root: ParentNode) => {
    const action = { approves: 'approve', denies: 'deny', waits: 'none' }[globalThis.behaviour]
    root.querySelector<HTMLButtonElement>(`button[data-action=${action}]:enabled`)?.click()
  }
  const attach = Element.prototype.attachShadow
  Element.prototype.attachShadow = function attachShadow(options) {
    const root = attach.call(this, options)
    new MutationObserver(() => press(root)).observe(root, { subtree: true, childList: true, attributes: true })
    return root
  }
}

/** A page, and who and what is before it. */
export class Seat {
  readonly page: Page
  readonly #devtools: CDPSession

  constructor(page: Page, devtools: CDPSession) {
    this.page = page
    this.#devtools = devtools
  }

  async plug(options: { readonly prf?: boolean; readonly isUserVerified?: boolean; readonly transport?: 'usb' | 'internal' } = {}): Promise<Authenticator> {
    const { authenticatorId } = await this.#devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: options.transport ?? 'usb', hasResidentKey: true, hasUserVerification: true, isUserVerified: options.isUserVerified ?? true,
        automaticPresenceSimulation: true, hasPrf: options.prf ?? true,
      },
    })
    const devtools = this.#devtools
    return {
      id: authenticatorId,
      unplug: async () => void await devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId }),
      verifyUser: async isUserVerified => void await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
      touch: async enabled => void await devtools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),
      credentials: async () => (await devtools.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    }
  }

  /** What the card says, as its reader sees it. */
  async text(): Promise<string> {
    return this.page.locator('section').innerText()
  }

  async behaves(person: Person): Promise<void> {
    await this.page.evaluate(`behaviour = ${JSON.stringify(person)}`)
  }
}
