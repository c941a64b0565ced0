import { formatEngineID } from '../src/index.ts'
import type { EngineID, Observed, ObservedMessage, Observer } from '../src/index.ts'

/** Turns what `node.observe` tells into text and pictures. It knows nothing else. */
export class Trace {
  readonly #families = new Map<string, string>()
  #events: Observed[] = []

  readonly observe: Observer = event => {
    this.#events.push(event)
    if (event.kind === 'spawned') this.#families.set(formatEngineID(event.engine), event.family)
  }

  /** What was observed since this was last called. */
  take(): readonly Observed[] {
    const events = this.#events
    this.#events = []
    return events
  }

  /** Aligned lines: who, what, and what matters of it. */
  lines(events: readonly Observed[]): readonly string[] {
    const rows = events.map(row)
    const width = (column: 0 | 1) => Math.max(0, ...rows.map(cells => cells[column].length))
    const [who, what] = [width(0), width(1)]
    return rows.map(cells => `${cells[0].padEnd(who)}  ${cells[1].padEnd(what)}  ${cells[2]}`.trimEnd())
  }

  /**
   * A Mermaid sequence diagram. Arrows are messages, spawns by engines, and (crossed) dead letters. Notes are the rules by which an
   * engine handled a message; what it did on account of a task or a timer shows as the arrows that came of it. Of ends only
   * those are shown that nobody asked for. {@link lines} shows everything.
   */
  diagram(events: readonly Observed[]): string {
    const participants = new Participants(this.#families)
    const lines = events.flatMap((event): readonly string[] => {
      switch (event.kind) {
        case 'message': {
          const code = refusalCode(event)
          return [`${participants.id(event.sender)}->>${participants.id(event.target)}: ${escaped(event.name + (code === undefined ? '' : ` (${code})`))}`]
        }
        case 'step':
          return event.on === 'message' || event.on === 'answer'
            ? event.rules.map(rule => `Note over ${participants.id(event.engine)}: ${escaped(sentence(rule))}`) : []
        case 'emitted':
          return [`Note over ${participants.id(event.engine)}: ${escaped(shown(event.event))}`]
        case 'spawned':
          return event.parent === undefined ? [] : [`${participants.id(event.parent)}->>${participants.id(event.engine)}: Spawn`]
        case 'dead-letter':
          return [`${participants.id(event.sender)}-x${participants.id(event.target)}: ${escaped(`${event.name} (${event.reason})`)}`]
        case 'restarted':
          return [`Note over ${participants.id(event.engine)}: Restarted`]
        case 'ended':
          return event.reason === 'stopped' ? [] : [`Note over ${participants.id(event.engine)}: ${escaped(sentence(event.reason))}`]
        case 'link':
          return []
      }
    })
    return ['sequenceDiagram', ...[...participants.declarations(), '', ...lines].map(line => line === '' ? '' : `    ${line}`)].join('\n')
  }
}

// ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function row(event: Observed): readonly [who: string, what: string, detail: string] {
  switch (event.kind) {
    case 'message':
      return [`${event.sender.name} → ${event.target.name}`, event.name, fields(event.msg)]
    case 'step':
      return [event.engine.name, `  on ${event.on === 'started' ? 'start' : event.trigger}`, event.rules.join(', ')]
    case 'dead-letter':
      return [`${event.sender.name} → ${event.target.name}`, event.name, `dead letter: ${event.reason}`]
    case 'emitted':
      return [event.engine.name, '  emits', shown(event.event)]
    case 'spawned':
      return [`${event.parent?.name ?? '(host)'} → ${event.engine.name}`, '  spawns', event.family]
    case 'restarted':
      return [event.engine.name, '  restarts', `for the ${ordinal(event.restarts)} time`]
    case 'ended':
      return [event.engine.name, '  ended', event.reason]
    case 'link':
      return [`(this node) ↔ ${event.peer.slice(0, 10)}…`, `  ${event.state}`, event.reason ?? '']
  }
}

function ordinal(n: number): string {
  return `${n}${['th', 'st', 'nd', 'rd'][n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] ?? 'th'}`
}

function fields(msg: unknown): string {
  if (typeof msg !== 'object' || msg === null) return ''
  return Object.entries(msg).filter(([name]) => name !== 'type').map(([name, value]) => `${name}: ${shown(value)}`).join(', ')
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  if (isEngineID(value)) return value.node === null ? value.name.replace(/[^.]{12,}/g, key => `${key.slice(0, 10)}…`) : value.name
  return 'type' in value ? [value.type, fields(value)].filter(Boolean).join(' ') : `{ ${fields(value)} }`
}

function isEngineID(value: object): value is EngineID {
  return 'node' in value && (value.node === null || typeof value.node === 'string') && 'name' in value && typeof value.name === 'string'
}

// ── pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** Who takes part, in order of appearance, called by its role. */
class Participants {
  readonly #families: ReadonlyMap<string, string>
  readonly #ids = new Map<string, string>()
  readonly #declarations: string[] = []

  constructor(families: ReadonlyMap<string, string>) {
    this.#families = families
  }

  id(engine: EngineID): string {
    const key = formatEngineID(engine)
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const role = roleOf(this.#families.get(key))
    const taken = new Set(this.#ids.values())
    let id = role
    for (let n = 2; taken.has(id); n++) id = `${role}${n}`
    this.#ids.set(key, id)
    this.#declarations.push(`participant ${id} as ${[role, engine.name, engine.node ?? ''].map(escaped).join('<br/>')}`)
    return id
  }

  declarations(): readonly string[] {
    return this.#declarations
  }
}

/** `ipse/identity-management` is an IdentityManagementEngine. What nobody spawned is a client. */
function roleOf(family: string | undefined): string {
  if (family === undefined) return 'Client'
  const words = family.slice(family.lastIndexOf('/') + 1).match(/[A-Za-z0-9]+/g) ?? []
  return `${words.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join('')}Engine`
}

function refusalCode({ msg, inReplyTo }: ObservedMessage): string | undefined {
  return inReplyTo !== 0 && typeof msg === 'object' && msg !== null && 'err' in msg && 'code' in msg ? String(msg.code) : undefined
}

/** `checkIfIdentityExists` and `start-failed` as people write: "Check if identity exists", "Start failed". */
function sentence(name: string): string {
  const words = name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`).replaceAll('-', ' ').trim()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Text that Mermaid shows as it is: all it could read as syntax is written as a character's number. */
function escaped(text: string): string {
  return text.replace(/[^A-Za-z0-9 _.,/()-]/gu, character => `#${character.codePointAt(0)};`)
}
