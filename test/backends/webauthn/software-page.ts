import { WebSocket } from 'ws'
import { challengeFor } from '../../../src/backends/webauthn/challenge.ts'
import { fromNode, fromPage, readFrame, VERSION, writeFrame } from '../../../src/backends/webauthn/messages.ts'
import type { Answer, AnswerOf, Ceremony, CeremonyOf, FromNode, FromPage, KeyAt, PageAssertion } from '../../../src/backends/webauthn/messages.ts'
import { unwrapKey, wrapKey } from '../../../src/backends/credential/wrapping.ts'
import { challengeOf } from '../../../src/crypto/assertion.ts'
import { CiphertextOpener } from '../../../src/crypto/ciphertext.ts'
import { portableX25519 } from '../../../src/crypto/encryption/x25519/portable.ts'
import { parseIdentityName } from '../../../src/crypto/identity-name.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { SoftwareAuthenticator } from './software-authenticator.ts'
import type { Said } from './software-authenticator.ts'

export type Ask = Extract<FromNode, { type: 'ask' }>

/** A page's connection without a browser: it says what it is told to. */
export class SoftwarePage {
  readonly socket: WebSocket
  readonly origin: string
  readonly heard: FromNode[] = []
  readonly closed: Promise<number>
  readonly #waiting: (() => void)[] = []

  /** Connects, and shows the secret of that address. */
  static async enter(url: string): Promise<SoftwarePage> {
    const page = await SoftwarePage.connect(url)
    page.send({ type: 'hello', version: VERSION, secret: secretOf(url) })
    await page.hear('welcome')
    return page
  }

  static async connect(url: string, headers: { readonly origin?: string; readonly host?: string } = {}, path = '/ceremonies'): Promise<SoftwarePage> {
    const { port, origin } = new URL(url)
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { origin, ...headers } })
    const page = new SoftwarePage(socket, origin)
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    return page
  }

  private constructor(socket: WebSocket, origin: string) {
    this.socket = socket
    this.origin = origin
    this.closed = new Promise(resolve => socket.once('close', resolve))
    socket.on('error', () => {})
    socket.on('message', data => {
      const frame = readFrame(fromNode, String(data))
      if (frame === undefined) throw new Error('The node says what no page understands')
      this.heard.push(frame)
      for (const tell of this.#waiting.splice(0)) tell()
    })
  }

  /** The first that it hears of that type and was not taken yet. */
  async hear<T extends FromNode['type']>(type: T): Promise<Extract<FromNode, { type: T }>> {
    for (;;) {
      const at = this.heard.findIndex(frame => frame.type === type)
      const [frame] = at < 0 ? [] : this.heard.splice(at, 1)
      if (frame !== undefined && isOf(frame, type)) return frame
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  send(frame: FromPage): void {
    this.socket.send(writeFrame(fromPage, frame))
  }

  answer({ id }: Ask, answer: Answer): void {
    this.send({ type: 'answer', id, answer })
  }

  close(): void {
    this.socket.close()
  }
}

function isOf<T extends FromNode['type']>(frame: FromNode, type: T): frame is Extract<FromNode, { type: T }> {
  return frame.type === type
}

export function secretOf(url: string): Uint8Array {
  return new Uint8Array(Buffer.from(new URL(url).hash.slice(1), 'base64url'))
}

/** A person who agrees to everything, at a page with an authenticator: both in software. */
export class SoftwarePerson {
  readonly page: SoftwarePage
  readonly authenticators: readonly SoftwareAuthenticator[]
  /** What is said otherwise than it is. */
  lies: Partial<Said> = {}
  readonly seen: Ceremony[] = []
  readonly answers: Answer[] = []

  constructor(page: SoftwarePage, ...authenticators: readonly SoftwareAuthenticator[]) {
    this.page = page
    this.authenticators = authenticators
  }

  static async at(url: string, authenticator = new SoftwareAuthenticator()): Promise<SoftwarePerson> {
    return new SoftwarePerson(await SoftwarePage.enter(url), authenticator, new SoftwareAuthenticator())
  }

  /** Answers the next request, after `change` made something else of the answer. */
  async once(change: (answer: Answer, ask: Ask) => Answer | Promise<Answer> = answer => answer): Promise<void> {
    const ask = await this.page.hear('ask')
    this.seen.push(ask.ceremony)
    const answer = await change(await this.perform(ask.ceremony), ask)
    this.answers.push(answer)
    this.page.answer(ask, answer)
    await this.page.hear('settled')
  }

  /** Answers whatever comes, until the page is closed. */
  always(): this {
    void (async () => {
      for (;;) await this.once()
    })()
    return this
  }

  async perform(ceremony: Ceremony): Promise<Answer> {
    switch (ceremony.kind) {
      case 'register': {
        const secretKey = ceremony.encryption && portableX25519.generate(randomBytes)
        const { attestation, encryption } = this.#make(ceremony, this.authenticators[0], ceremony.encryption?.salt, secretKey)
        return { kind: 'registered', attestation, ...encryption && { encryption } }
      }
      case 'commit': return { kind: 'committed', assertion: this.#assert(ceremony.credential.id, ceremony, challengeOf(ceremony.identity.name, ceremony.data)) }
      case 'decrypt': {
        const { assertion, secretKey } = this.#unwrap(ceremony)
        const opener = new CiphertextOpener(await portableX25519.opener(secretKey), portableX25519, ceremony.identity.name)
        const plaintext = await opener.open(ceremony.ciphertext)
        return { kind: 'decrypted', assertion, plaintext: plaintext instanceof Uint8Array ? plaintext : null }
      }
      case 'enrol': {
        const { assertion, secretKey } = this.#unwrap(ceremony)
        const made = this.#make(ceremony, this.authenticators[1], ceremony.encryption.salt, secretKey)
        if (made.encryption === undefined) throw new Error('It wrapped nothing')
        return { kind: 'enrolled', assertion, attestation: made.attestation, encryption: made.encryption }
      }
    }
  }

  #make(
    { params, relyingParty, challenge }: CeremonyOf<'register' | 'enrol'>, authenticator = new SoftwareAuthenticator(), salt?: Uint8Array, secretKey?: Uint8Array,
  ): Pick<AnswerOf<'registered'>, 'attestation' | 'encryption'> {
    const attestation = authenticator.create(params, { origin: this.page.origin, relyingParty: relyingParty.id, challenge, ...this.lies })
    if (salt === undefined || secretKey === undefined) return { attestation }
    const publicKey = portableX25519.publicKey(secretKey)
    const { sealed } = wrapKey(authenticator.prf(attestation.id, salt), secretKey, { credential: attestation.id, publicKey, salt }, randomBytes)
    return { attestation, encryption: { publicKey, sealed } }
  }

  #assert(id: Uint8Array, { relyingParty }: Ceremony, challenge: Uint8Array): PageAssertion {
    return this.#holding(id).get(id, { origin: this.page.origin, relyingParty: relyingParty.id, challenge, ...this.lies })
  }

  #unwrap(ceremony: CeremonyOf<'decrypt' | 'enrol'>): { readonly assertion: PageAssertion; readonly secretKey: Uint8Array } {
    const key = ceremony.keys.find(({ credential }) => this.authenticators.some(one => one.held.some(({ id }) => Buffer.compare(id, credential.id) === 0)))
    if (key === undefined) throw new Error('No authenticator holds it')
    const { encrypt } = parseIdentityName(ceremony.identity)
    const secretKey = encrypt && this.#open(key, encrypt.publicKey)
    if (secretKey === undefined) throw new Error('It does not unwrap')
    return { assertion: this.#assert(key.credential.id, ceremony, challengeFor(ceremony.nonce)), secretKey }
  }

  #open({ credential, salt, sealed }: KeyAt, publicKey: Uint8Array): Uint8Array | undefined {
    return unwrapKey(this.#holding(credential.id).prf(credential.id, salt), sealed, { credential: credential.id, publicKey, salt }, portableX25519)
  }

  #holding(id: Uint8Array): SoftwareAuthenticator {
    const found = this.authenticators.find(one => one.held.some(held => Buffer.compare(held.id, id) === 0))
    if (found === undefined) throw new Error('No authenticator holds it')
    return found
  }
}
