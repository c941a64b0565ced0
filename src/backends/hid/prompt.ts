import type { EngineID } from '../../core/engine-id.ts'
import type { HidDevice } from './hid.ts'

/**
 * A seam: how a person is asked for what a device needs. Each question is over when its `signal` aborts, because it was answered in another way or nobody waits any more:
 * it is taken away then, and what comes of it is not heard. Only one is open at a time, but that nobody is told of a device that is missing while another serves.
 */
export interface Prompt {
  /** Plug in a device: there is none, or not the one that is needed. */
  insert(asked: Asked, signal: AbortSignal): Shown
  /** Touch the device that is to be used, of several. */
  choose(asked: ChoiceAsked, signal: AbortSignal): Shown
  /** Touch the device. */
  touch(asked: DeviceAsked, signal: AbortSignal): Shown
  /** The PIN of the device; `undefined` when the person does not want to give one. */
  pin(asked: PinAsked, signal: AbortSignal): Promise<string | undefined>
}

/** A question that the device answers. `denied`: the person does not want it, so that the request fails with `denied`. */
export type Shown = void | Promise<'denied' | void>

/** What a device is needed for. */
export type Purpose = 'generate' | 'sign' | 'decrypt' | 'delete' | 'enrol' | 'remove' | 'manage'

/** Why a person is asked. */
export interface Asked {
  readonly purpose: Purpose
  /** The engine that wants it, where that is known. */
  readonly asker?: EngineID
  /** The name of the identity, once it has one. */
  readonly identity?: string
  readonly data?: DataSummary
}

export interface DeviceAsked extends Asked {
  readonly device: HidDevice
}

export interface ChoiceAsked extends Asked {
  readonly devices: readonly HidDevice[]
}

export interface PinAsked extends DeviceAsked {
  /** How many wrong PINs the device takes until it locks itself. */
  readonly retries: number
  /** What was the matter with the one that was given before. */
  readonly problem?: 'wrong' | 'too-short' | 'too-long'
}

/** What is to be signed, as far as a person can look at it. */
export interface DataSummary {
  /** In bytes. */
  readonly length: number
  /** Its SHA-256, in hexadecimal. */
  readonly digest: string
  /** All of it, if it is short and printable. */
  readonly text?: string
}
