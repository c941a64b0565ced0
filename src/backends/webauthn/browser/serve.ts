import { Fault } from '../../../core/errors.ts'
import { SOCKET_PATH } from '../messages.ts'
import { Card } from './card.ts'
import { Session } from './session.ts'
import type { Presenter, SessionSources, Shown, Status } from './session.ts'
import { PAGE_STYLE } from './style.ts'

/** How a page serves the ceremonies of a node. */
export interface ServeOptions {
  /** Of the node's WebSocket: ws://localhost:8437/ceremonies. */
  readonly url: string
  /** What stands behind the # in the address that the node gives. */
  readonly secret: string
  /** Where the card is drawn that asks the person. */
  readonly root?: HTMLElement
  /**
   * Asks the person in place of the card: it must show all that `shown` says, first of all what is signed, and by whom it is asked for. Resolves with whether the
   * person agrees; after `signal` aborts, nobody looks at that any more.
   */
  readonly confirm?: (shown: Shown, signal: AbortSignal) => Promise<boolean>
  /** Hears of what the page is doing. */
  readonly onStatus?: (status: Status) => void
}

export interface Serving {
  /** Ends the connection, and removes the card. */
  close(): void
}

/** Throws `invalid-argument` where there is neither `root` nor `confirm`. */
export function serve({ url, secret, root, confirm, onStatus }: ServeOptions, sources: SessionSources): Serving {
  const card = root && new Card(root, sources.clock, () => session.connect())
  const ask = confirm ?? card?.confirm.bind(card)
  if (ask === undefined) throw new Fault('invalid-argument', 'Give an element as root, to ask the person there, or confirm, to ask otherwise')
  const presenter: Presenter = {
    confirm: ask,
    show(status) {
      card?.show(status)
      onStatus?.(status)
    },
    waiting: count => card?.waiting(count),
  }
  const session = new Session(url, secret, presenter, sources)
  session.connect()
  return {
    close() {
      session.close()
      card?.remove()
    },
  }
}

/** The page that the node serves: its address says all that is needed. */
export function servePage(sources: SessionSources): void {
  const style = new CSSStyleSheet()
  style.replaceSync(PAGE_STYLE)
  document.adoptedStyleSheets = [style]
  const root = document.createElement('main')
  document.body.append(root)
  // Another address of this page, with another secret, is no new page to browsers.
  addEventListener('hashchange', () => location.reload())
  serve({ url: new URL(SOCKET_PATH, location.href.replace(/^http/, 'ws')).href, secret: location.hash.slice(1), root }, sources)
}
