import type { Presence } from './ceremony.ts'
import type { Clock } from './ctaphid/exchange.ts'
import { pause } from './ctaphid/waiting.ts'
import type { HidDevice, HidDevices } from './hid.ts'
import { Lockouts } from './lockouts.ts'
import { outcomeOf } from './proceeding.ts'

export interface PluggedOptions {
  readonly devices: HidDevices
  readonly clock: Clock
  /** Milliseconds between two looks: 500 unless told. */
  readonly poll?: number
}

/** What is plugged in. `unfit` has the paths of devices that will not do for what is next; those that are not there any more are taken out of it. */
export class Plugged {
  readonly #devices: HidDevices
  readonly #clock: Clock
  readonly #poll: number
  readonly #lockouts: Lockouts

  constructor({ devices, clock, poll = 500 }: PluggedOptions) {
    this.#devices = devices
    this.#clock = idle(clock)
    this.#poll = poll
    this.#lockouts = new Lockouts(devices)
  }

  /** Rejects with `device-unavailable`. */
  async usable(unfit?: Set<string>): Promise<readonly HidDevice[]> {
    return this.#usable(await this.#devices.list(), unfit)
  }

  async presence(unfit?: Set<string>): Promise<Presence> {
    try {
      const present = await this.#devices.list()
      this.#lockouts.keep(present)
      const locked = present.filter(device => this.#lockouts.has(device)).length
      return { present: present.length, usable: this.#usable(present, unfit).length, locked, problem: null }
    } catch (error) {
      return { present: 0, usable: 0, locked: 0, problem: outcomeOf(error) }
    }
  }

  /** Answers when something else is there than was known. Rejects when `signal` aborts. */
  async change(known: Presence, unfit: Set<string> | undefined, signal: AbortSignal): Promise<Presence> {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const presence = await this.presence(unfit)
      if (!isSame(presence, known)) return presence
      // oxlint-disable-next-line no-await-in-loop -- and a pause between them
      await pause(this.#clock, this.#poll, signal)
    }
  }

  /** It takes no PIN any more, until it is unplugged. */
  lock(device: HidDevice): Promise<void> {
    return this.#lockouts.add(device)
  }

  close(): void {
    this.#lockouts.close()
  }

  #usable(present: readonly HidDevice[], unfit: Set<string> | undefined): readonly HidDevice[] {
    for (const path of unfit ?? []) if (!present.some(device => device.path === path)) unfit?.delete(path)
    return present.filter(device => !this.#lockouts.has(device) && unfit?.has(device.path) !== true)
  }
}

function isSame(a: Presence, b: Presence): boolean {
  return a.present === b.present && a.usable === b.usable && a.locked === b.locked && a.problem?.code === b.problem?.code
}

/** A clock whose alarms keep no process alive. */
function idle(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    wake(time, work) {
      const alarm = clock.wake(time, work)
      alarm.hold(false)
      return alarm
    },
  }
}
