import type { Wake } from '../../../core/clock.ts'
import type { Ceremony } from '../messages.ts'
import type { Clock } from '../queue.ts'
import { element } from './element.ts'
import type { Presenter, Shown, Status } from './session.ts'
import { showData, showDigest, showName } from './shown-data.ts'
import type { ShownData } from './shown-data.ts'
import { CARD_STYLE } from './style.ts'
import { ANOTHER, CAPABILITIES, refusalText, WORDING } from './wording.ts'

/** How long after a request is shown nothing answers it, in milliseconds: a click, and the second of two, may have been meant for what was there before. */
const GUARD = 500

/** How long a name is that is shown whole. */
const SHORT = 24

const HEADINGS: Readonly<Record<Exclude<Status['type'], 'touch' | 'settled' | 'withdrawn'>, readonly [heading: string, explanation: string]>> = {
  'connecting': ['Connecting …', ''],
  'idle': ['Nothing is asked of you', 'Leave this page open: requests to sign or decrypt appear here.'],
  'lost': ['Connection lost', 'The program that asks has ended, or cannot be reached. This page tries again by itself.'],
  'superseded': ['Open in another window', 'Requests go to the page that was opened last.'],
  'not-let-in': ['This address is not valid any more', 'Open the address that the program gave, with all that is behind the #.'],
}

/** Shows what is asked for, and asks the person, in a tree of its own inside of `root`: neither takes the other's styles. */
export class Card implements Presenter {
  readonly #clock: Clock
  readonly #reconnect: () => void
  readonly #host = element('div')
  readonly #heading = element('h1', { tabindex: '-1', id: 'heading' })
  readonly #explanation = element('p', { class: 'explanation' })
  readonly #details = element('div')
  readonly #status = element('p', { class: 'status', role: 'status', 'aria-live': 'polite' })
  readonly #link = element('span', { class: 'link' })
  readonly #waiting = element('span', { class: 'waiting', hidden: '' })
  readonly #bar = element('div', { class: 'bar', hidden: '', 'aria-hidden': 'true' })
  readonly #actions = element('div', { class: 'actions' })

  /** `reconnect` is for a page that another one took the place of. */
  constructor(root: HTMLElement, clock: Clock, reconnect: () => void) {
    this.#clock = clock
    this.#reconnect = reconnect
    const style = new CSSStyleSheet()
    style.replaceSync(CARD_STYLE)
    const shadow = this.#host.attachShadow({ mode: 'open' })
    shadow.adoptedStyleSheets = [style]
    shadow.append(element('section', { class: 'card', 'aria-labelledby': 'heading' },
      element('header', {}, element('span', { class: 'brand', text: 'ipse' }), this.#waiting, this.#link),
      this.#bar,
      element('div', { class: 'body' }, this.#heading, this.#explanation, this.#details, this.#status, this.#actions)))
    root.append(this.#host)
  }

  remove(): void {
    this.#host.remove()
  }

  confirm({ ceremony, patience, step }: Shown, signal: AbortSignal): Promise<boolean> {
    const { question, explanation, approve } = step === 2 ? ANOTHER : WORDING[ceremony.kind]
    this.#say(question, explanation)
    this.#details.replaceChildren(...describe(ceremony))
    if (step === 1) this.#countDown(patience, signal)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const deny = element('button', { type: 'button', text: 'Deny', 'data-action': 'deny' })
    const agree = element('button', { type: 'button', text: approve, class: 'primary', 'data-action': 'approve' })
    let guarded = this.#guard(deny, agree)
    // Then it is seen as late as if it came now.
    document.addEventListener('visibilitychange', () => {
      guarded.cancel()
      guarded = this.#guard(deny, agree)
    }, { signal })
    deny.addEventListener('click', () => resolve(false), { once: true })
    agree.addEventListener('click', () => resolve(true), { once: true })
    signal.addEventListener('abort', () => {
      guarded.cancel()
      resolve(false)
    }, { once: true })
    this.#actions.replaceChildren(deny, agree)
    // Enter then presses no button: neither is agreed to nor denied what was not read.
    this.#heading.focus({ preventScroll: true })
    return promise
  }

  show(status: Status): void {
    this.#link.textContent = status.type === 'connecting' ? 'Connecting' : ['lost', 'superseded', 'not-let-in'].includes(status.type) ? 'Not connected' : 'Connected'
    this.#link.dataset['on'] = String(this.#link.textContent === 'Connected')
    this.#actions.replaceChildren()
    switch (status.type) {
      case 'touch': return this.#tell('touch', 'Touch your security key, or follow your browser')
      case 'withdrawn':
        this.#over()
        return this.#tell('', status.code === 'unanswered' ? 'The last request was not answered in time.' : 'The last request was withdrawn by the program that asked.')
      case 'settled':
        this.#over()
        return status.code === undefined ? this.#tell('', WORDING[status.ceremony.kind].done) : this.#tell('bad', status.text ?? refusalText(status.code))
      default:
        this.#over(...HEADINGS[status.type])
        if (status.type === 'superseded') this.#offer('Use this page')
    }
  }

  waiting(count: number): void {
    this.#waiting.hidden = count === 0
    this.#waiting.textContent = `${count} more waiting`
  }

  #guard(...buttons: readonly HTMLButtonElement[]): Wake {
    for (const button of buttons) button.disabled = true
    return this.#clock.wake(this.#clock.now() + GUARD, () => {
      for (const button of buttons) button.disabled = false
    })
  }

  #offer(text: string): void {
    const button = element('button', { type: 'button', text })
    button.addEventListener('click', this.#reconnect, { once: true })
    this.#actions.replaceChildren(button)
  }

  /** Nothing is asked. */
  #over(...[heading, explanation]: readonly [heading: string, explanation: string] | []): void {
    this.#say(heading ?? HEADINGS.idle[0], explanation ?? HEADINGS.idle[1])
    this.#details.replaceChildren()
    this.#bar.hidden = true
    this.waiting(0)
  }

  #say(heading: string, explanation: string): void {
    this.#heading.textContent = heading
    this.#explanation.textContent = explanation
    this.#tell('', '')
  }

  #tell(tone: '' | 'touch' | 'bad', text: string): void {
    this.#status.dataset['tone'] = tone
    this.#status.textContent = text
  }

  #countDown(patience: number, signal: AbortSignal): void {
    this.#bar.hidden = false
    const running = this.#bar.animate([{ transform: 'scaleX(1)' }, { transform: 'scaleX(0)' }], { duration: patience, fill: 'forwards' })
    signal.addEventListener('abort', () => running.cancel(), { once: true })
  }
}

/** All that a person has to know of a request. */
function describe(ceremony: Ceremony): readonly Node[] {
  const rows = element('dl')
  const row = (name: string, ...what: readonly Node[]) => rows.append(element('dt', { text: name }), element('dd', {}, ...what))
  const { asker } = ceremony
  row('Asked by', ...asker === undefined ? [document.createTextNode('a program that does not say who it asks for')] : [
    element('strong', { text: showName(asker.name) }), ...asker.node === null ? [] : [longName(asker.node, 'at ')],
  ])
  if ('identity' in ceremony) row('Identity', longName(ceremony.identity.name))
  if (ceremony.kind === 'register') row('It can', document.createTextNode(`${CAPABILITIES[ceremony.capabilities]}, by ${showName(ceremony.params)}`))
  row('Site', document.createTextNode(showName(ceremony.relyingParty.id)))
  if (ceremony.kind === 'commit') return [rows, figure('Data to sign', showData(ceremony.data))]
  if (ceremony.kind === 'decrypt') return [rows, figure('Ciphertext', showDigest(ceremony.ciphertext))]
  return [rows]
}

/** A name that says its beginning and its end, and all of it when it is opened. */
function longName(given: string, before = ''): Node {
  const name = showName(given)
  if (name.length <= SHORT) return element('code', { text: `${before}${name}` })
  return element('details', {}, element('summary', {}, element('code', { text: `${before}${name.slice(0, 12)}…${name.slice(-6)}` })), element('code', { text: name }))
}

function figure(title: string, { kind, caption, content }: ShownData): Node {
  const shown = content === '' ? [] : [element('pre', { text: content, tabindex: '0', role: 'region', 'aria-label': title, 'data-kind': kind })]
  return element('figure', {}, element('figcaption', { text: `${title}. ${caption}` }), ...shown)
}

