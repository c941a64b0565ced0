import { IpseError } from '../core/errors.ts'
import type { DeviceCode, Refusal } from '../core/errors.ts'
import { refuse } from '../core/protocol.ts'

/** A task that came to nothing. */
export interface Failure {
  readonly outcome: 'failed' | 'deadline' | 'lost'
  readonly reason: string
  readonly code?: string
}

const DEVICE: { readonly [C in DeviceCode]: C } = {
  'counter-behind': 'counter-behind', denied: 'denied', 'device-absent': 'device-absent', 'device-busy': 'device-busy', 'device-gone': 'device-gone',
  'device-unavailable': 'device-unavailable', 'page-closed': 'page-closed', 'pin-locked': 'pin-locked', 'pin-missing': 'pin-missing', 'pin-wrong': 'pin-wrong',
  'stale-response': 'stale-response', unanswered: 'unanswered', 'wrong-device': 'wrong-device', 'wrong-origin': 'wrong-origin',
}

/** What any request is refused with that its backend does not carry out. */
export type BackendCode = 'backend-failed' | 'not-available' | DeviceCode
export const backendCodes: readonly BackendCode[] = ['backend-failed', 'not-available', ...Object.values(DEVICE)]

/**
 * What a requester is told of a task that its backend failed. Only errors of this library are quoted: another's text may
 * hold anything, and a requester may live on another machine.
 */
export function backendRefusal(end: Failure): Refusal<BackendCode> {
  if (end.outcome === 'deadline') return refuse('backend-failed', 'Backend failed: it did not answer in time')
  if (end.outcome === 'lost') return refuse('backend-failed', 'Backend failed: the request was lost in a restart')
  return refusalFor(end.code, end.reason)
}

/** The same, of what a backend threw. */
export function refusalOfError(error: unknown): Refusal<BackendCode> {
  return error instanceof IpseError ? refusalFor(error.code, error.message) : refusalFor(undefined, '')
}

function refusalFor(code: string | undefined, reason: string): Refusal<BackendCode> {
  if (code === undefined) return refuse('backend-failed', 'Backend failed')
  if (code === 'not-available') return refuse(code, `Capabilities not available: ${reason}`)
  return refuse(backendCodes.find(known => known === code) ?? 'backend-failed', `Backend failed: ${reason}`)
}
