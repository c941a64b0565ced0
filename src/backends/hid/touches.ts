import type { OpenDevice } from './open-device.ts'

/** Waits for somebody to touch one of several devices. */
export class Touches {
  /** The one that was touched. */
  readonly first: Promise<OpenDevice>
  /** None of them waits any more: each was told that it need not. */
  readonly ended: Promise<unknown>

  constructor(devices: readonly OpenDevice[], signal: AbortSignal) {
    const touches = devices.map(async device => {
      await device.authenticator.selection({ signal })
      return device
    })
    this.ended = Promise.allSettled(touches)
    this.first = Promise.any(touches).catch(error => { throw error instanceof AggregateError ? error.errors[0] : error })
  }
}
