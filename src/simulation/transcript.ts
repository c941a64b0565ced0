import type { EngineID } from '../core/engine-id.ts'
import type { Observed } from '../runtime/observation.ts'
import type { Fate } from './simulation.ts'

/** What happened, as lines to read: when, where, and what. */
export class Transcript {
  readonly #start: number
  readonly #events: { readonly node: string; readonly event: Observed | Fate }[] = []

  /** Times are counted from `start`, in milliseconds since the Unix epoch. */
  constructor(start: number) {
    this.#start = start
  }

  add(node: string, event: Observed | Fate): void {
    this.#events.push({ node, event })
  }

  lines(): readonly string[] {
    const labels = new Map<string, string>()
    for (const { node, event } of this.#events) if (event.kind === 'spawned') labels.set(event.engine.node ?? '', node)
    const named = (id: EngineID, node: string) => {
      const label = id.node === null ? node : labels.get(id.node) ?? id.node
      return label === node ? id.name : `${label}/${id.name}`
    }
    return this.#events.map(({ node, event }) => `${(event.time - this.#start).toFixed(3).padStart(10)}  ${node}  ${described(event, id => named(id, node))}`)
  }
}

function described(event: Observed | Fate, name: (id: EngineID) => string): string {
  switch (event.kind) {
    case 'message': {
      const number = event.inReplyTo !== 0 ? ` (to #${event.inReplyTo})` : event.id !== 0 ? ` (#${event.id})` : ''
      return `${name(event.sender)} → ${name(event.target)}  ${event.name}${number} ${shown(event.msg)}`
    }
    case 'step': return `${name(event.engine)}  ${event.deferred === undefined ? 'handled' : 'put off'} ${event.on} ${event.trigger}: ${event.rules.join(', ')}`
    case 'dead-letter': return `${name(event.sender)} ⇥ ${name(event.target)}  ${event.name} is a dead letter: ${event.reason}${failure(event)} ${shown(event.msg)}`
    case 'spawned': return `${name(event.engine)}  spawned${event.parent === undefined ? '' : ` by ${name(event.parent)}`}: ${event.family}`
    case 'ended': return `${name(event.engine)}  ended: ${event.reason}${failure(event)}`
    case 'restarted': return `${name(event.engine)}  began life ${event.restarts + 1}${failure(event)}`
    case 'emitted': return `${name(event.engine)}  emitted ${shown(event)}`
    case 'link': return `link to ${event.peer}: ${event.state}${event.reason === undefined ? '' : ` (${event.reason})`}`
    default: return `${event.kind} ${event.detail}`.trimEnd()
  }
}

function failure({ error }: { readonly error?: unknown }): string {
  return error === undefined ? '' : ` (${error instanceof Error ? error.message : typeof error})`
}

/** Longer ones are cut: a transcript is read line by line. */
const LONGEST = 160

function shown(msg: unknown): string {
  const text = JSON.stringify(msg, (key, value: unknown) =>
    key === 'type' ? undefined : value instanceof Uint8Array ? `${value.length} bytes` : typeof value === 'bigint' ? `${value}` : value) ?? ''
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}
