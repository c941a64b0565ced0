/** A task that came to nothing. */
export interface Failure {
  readonly outcome: 'failed' | 'deadline' | 'lost'
  readonly reason: string
  readonly code?: string
}

/**
 * What a requester is told of a task that its backend failed. Only errors of this library are quoted: another's text may
 * hold anything, and a requester may live on another machine.
 */
export function backendFailure(end: Failure): string {
  if (end.outcome === 'deadline') return 'Backend failed: it did not answer in time'
  if (end.outcome === 'lost') return 'Backend failed: the request was lost in a restart'
  return end.code === undefined ? 'Backend failed' : `Backend failed: ${end.reason}`
}
