import type { ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import type { Store } from '../../stores/store.ts'
import type { Backend } from '../backend.ts'
import { CredentialRecords } from '../credential/records.ts'
import { PageServer } from './node/server.ts'
import type { ServerSources } from './node/server.ts'
import { CeremonyQueue } from './queue.ts'
import { WebAuthnBackend } from './webauthn-backend.ts'
import type { EnrolledCredential } from '../credential/enrolled.ts'

export interface WebAuthnOptions {
  /** Whose keys they are: `id` is the page's host, or a domain that it is in. `{ id: 'localhost', name: 'ipse' }` unless told. */
  readonly relyingParty?: { readonly id: string; readonly name: string }
  /**
   * Of the pages that may connect, 1 to 8, that of the page to open first; `http://localhost:PORT` unless told. Identities bind those that they were generated with: their commitments come from pages of these
   * origins, with that port, and from no others.
   */
  readonly origins?: readonly string[]
  /** 8437 unless told; 0 is any that is free. */
  readonly port?: number
  /** The address to listen at: the loopback addresses of this machine unless told. */
  readonly host?: string
  /** Whether the page is served here. If not, only its WebSocket is: a page elsewhere has the module `ipse/backends/webauthn/browser`. */
  readonly serve?: boolean
  /** Where identities are kept; in memory unless told. Nothing in it is secret. */
  readonly store?: Store
  /** How long a person has for an answer, in milliseconds: 60,000 unless told. */
  readonly patience?: number
  /** Whether authenticators verify the user, by PIN or finger, also for commitments: they do unless told. For what decrypts they always do. */
  readonly userVerification?: boolean
  /** Whether authenticators keep the credentials, as passkeys that they list. Unless told they don't. */
  readonly resident?: boolean
}

/** An open backend, and what else there is to its identities. */
export interface WebAuthn extends AsyncDisposable {
  readonly backend: Backend
  /** The page's address, with a secret behind the # that lets it in. */
  readonly url: string
  /** Of the WebSocket, for pages that are served elsewhere: their `url`. Their `secret` is what stands behind the # in this one's. */
  readonly socket: string
  /** How many pages are connected that would be asked: 0 or 1. */
  readonly pages: number
  /**
   * Has a second authenticator decrypt what is meant for the identity, which takes one that does. Answers its credential's id. Rejects as ceremonies do, with `not-found`, and with
   * `not-available` for an identity that decrypts nothing.
   */
  enrol(identity: ExternalIdentity, signal?: AbortSignal): Promise<string>
  /**
   * Has that one decrypt no more; if it signs in the identity's name, it still does. Who had both it and a copy of the store before can still decrypt. Rejects with `not-found`, and with `not-available`
   * for the last one.
   */
  remove(identity: ExternalIdentity, credential: string): Promise<void>
  /** Rejects with `not-found`. */
  credentials(identity: ExternalIdentity): Promise<readonly EnrolledCredential[]>
  /** Ends what waits, with `backend-failed`, and the server. Harmless when repeated. The store stays open. */
  close(): Promise<void>
}

const PORT = 8437
const PATIENCE = 60_000
/** What a name binds of them, and of a relying party's id: how many, and of how many characters. */
const MOST_ORIGINS = 8
const LONGEST_NAME = 253
const PORTS = 65_536

/** See `openWebAuthn`. */
export async function openPages(options: WebAuthnOptions & { readonly store: Store }, sources: ServerSources): Promise<WebAuthn> {
  const { relyingParty = { id: 'localhost', name: 'ipse' }, port = PORT, serve = true, patience = PATIENCE, userVerification = true, resident = false, store, host } = options
  const origins = options.origins && requireOrigins(options.origins)
  if (!isHostName(relyingParty.id)) throw new Fault('invalid-argument', `A relying party's id is a host name as browsers write it, of 1 to ${LONGEST_NAME} characters: localhost`)
  if (!Number.isSafeInteger(port) || port < 0 || port >= PORTS) throw new Fault('invalid-argument', `A port is a number from 0, for any that is free, to ${PORTS - 1}`)
  if (host === '') throw new Fault('invalid-argument', 'The host is an address of this machine: leave it out for the loopback addresses')
  if (!Number.isSafeInteger(patience) || patience <= 0) throw new Fault('invalid-argument', 'The patience is a number of milliseconds above 0')
  if (!serve && origins === undefined) throw new Fault('invalid-argument', 'Without a page that is served here, give the origins of the pages that may connect')
  const queue = new CeremonyQueue({ ...sources, patience })
  const server = await PageServer.open({ port, serve, ...host !== undefined && { host }, ...origins && { origins } }, queue, sources)
  const site = { relyingParty, origins: server.origins.toSorted(), userVerification, resident }
  const backend = new WebAuthnBackend(site, new CredentialRecords(store, 'webauthn'), { queue, random: sources.random })
  const close = async () => {
    queue.close()
    await server.close()
  }
  return {
    backend,
    url: server.url,
    socket: server.socket,
    get pages() {
      return queue.hasPage ? 1 : 0
    },
    enrol: (identity, signal = new AbortController().signal) => backend.enrol(identity, signal),
    remove: (identity, credential) => backend.remove(identity, credential),
    credentials: identity => backend.credentials(identity),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function isOrigin(text: string): boolean {
  return text.length <= LONGEST_NAME && URL.canParse(text) && new URL(text).origin === text
}

function isHostName(text: string): boolean {
  return text.length <= LONGEST_NAME && URL.canParse(`http://${text}`) && new URL(`http://${text}`).hostname === text
}

/** Each once. Throws `invalid-argument` for what is no origin as browsers write it. */
function requireOrigins(origins: readonly string[]): readonly string[] {
  if (!Array.isArray(origins) || origins.length === 0 || origins.length > MOST_ORIGINS || !origins.every(isOrigin)) {
    throw new Fault('invalid-argument', `Origins are 1 to ${MOST_ORIGINS} texts as browsers write them, of at most ${LONGEST_NAME} characters, without a path: http://localhost:8437`)
  }
  return [...new Set(origins)]
}
