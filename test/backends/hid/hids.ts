import { z } from 'zod'
import { openSecurityKeys } from '../../../src/backends/hid/opening.ts'
import type { HidSettings } from '../../../src/backends/hid/opening.ts'
import { MemoryStore } from '../../../src/stores/memory/memory-store.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import type { Simulation } from '../../../src/simulation.ts'
import type { Timers } from '../../authenticator/timers.ts'
import { createNode } from '../../../src/index.ts'
import type { Node, Observed } from '../../../src/index.ts'
import { openHid } from '../../../src/hid.ts'
import type { Asked, Hid, HidOptions, PinAsked, Prompt } from '../../../src/hid.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import type { AuthenticatorOptions } from '../../authenticator/authenticator.ts'
import { PluggedIn } from '../../authenticator/plugged-in.ts'

export const PIN = 'sentinel 7291'

/** A person who does what they are asked, and remembers what that was. */
export class Person implements Prompt {
  readonly asked: { readonly of: keyof Prompt; readonly asked: Asked; readonly signal: AbortSignal }[] = []
  readonly #pins: (asked: PinAsked) => Promise<string | undefined> | string | undefined

  constructor(pins: (asked: PinAsked) => Promise<string | undefined> | string | undefined = () => PIN) {
    this.#pins = pins
  }

  insert(asked: Asked, signal: AbortSignal): void {
    this.asked.push({ of: 'insert', asked, signal })
  }

  choose(asked: Asked, signal: AbortSignal): void {
    this.asked.push({ of: 'choose', asked, signal })
  }

  touch(asked: Asked, signal: AbortSignal): void {
    this.asked.push({ of: 'touch', asked, signal })
  }

  async pin(asked: PinAsked, signal: AbortSignal): Promise<string | undefined> {
    this.asked.push({ of: 'pin', asked, signal })
    return this.#pins(asked)
  }
}

export interface World extends AsyncDisposable {
  readonly node: Node
  readonly hid: Hid
  readonly devices: PluggedIn
  readonly person: Person
  readonly seen: readonly Observed[]
  /** The states that observers heard of, in order. */
  states(): readonly string[]
}

const shown = z.object({ type: z.literal('security-key'), state: z.string() })

/** A node with a backend over software authenticators: one, unless told. */
export async function world(plugged: readonly AuthenticatorOptions[] = [{ pin: PIN }], options: HidOptions & { readonly person?: Person } = {}): Promise<World> {
  const node = await createNode()
  const seen: Observed[] = []
  node.observe(event => seen.push(event))
  const devices = new PluggedIn()
  for (const one of plugged) devices.plug(new SoftwareAuthenticator(one))
  const { person = new Person(), ...rest } = options
  const hid = await openHid(node, { devices, prompt: person, ...rest })
  return {
    node, hid, devices, person, seen,
    states: () => statesIn(seen),
    async [Symbol.asyncDispose]() {
      await hid.close()
      await node.stop()
    },
  }
}

/** Virtual time, as the authenticators and the backend take it. */
export function timeOf(sim: Simulation): { readonly timers: Timers; readonly clock: HidSettings['clock'] } {
  const after = (ms: number, work: () => void) => {
    let isOver = false
    void sim.sleep(Math.max(0, ms)).then(() => void (isOver || work()))
    return () => { isOver = true }
  }
  return {
    timers: { now: () => sim.time, after },
    clock: { now: () => sim.time, wake: (time, work) => ({ cancel: after(time - sim.time, work), hold() {} }) },
  }
}

export const PATIENCE = 60_000

/** The same on virtual time. Nothing is plugged in. It ends with the scenario. */
export async function simulatedWorld(sim: Simulation, person: Prompt, settings: Partial<HidSettings> = {}): Promise<Omit<World, 'person' | typeof Symbol.asyncDispose> & { readonly timers: Timers }> {
  const node = sim.createNode()
  const seen: Observed[] = []
  node.observe(event => seen.push(event))
  const { timers, clock } = timeOf(sim)
  const devices = new PluggedIn(timers)
  const hid = await openSecurityKeys(node, {
    devices, clock, prompt: person, store: new MemoryStore(), random: randomBytes, name: 'security-key', relyingParty: 'ipse:identities', userVerification: true, resident: false, patience: PATIENCE, ...settings,
  })
  return { node, hid, devices, seen, timers, states: () => statesIn(seen) }
}

function statesIn(seen: readonly Observed[]): readonly string[] {
  return seen.flatMap(event => event.kind === 'emitted' ? [shown.parse(event.event).state] : [])
}
