import type { Ceremony } from '../messages.ts'

/** What people read of a kind of request. */
export interface Wording {
  readonly question: string
  readonly explanation: string
  readonly approve: string
  readonly done: string
}

export const WORDING: Readonly<Record<Ceremony['kind'], Wording>> = {
  register: {
    question: 'Create a new identity?',
    explanation: 'Its keys will live in your security key or this device, and never leave it.',
    approve: 'Create',
    done: 'The identity was created.',
  },
  commit: {
    question: 'Sign this?',
    explanation: 'Sign only what you understand and agree with: anyone can check the signature later.',
    approve: 'Sign',
    done: 'Signed.',
  },
  decrypt: {
    question: 'Decrypt this?',
    explanation: 'What is inside goes to the program that asks.',
    approve: 'Decrypt',
    done: 'Decrypted.',
  },
  enrol: {
    question: 'Add a second authenticator?',
    explanation: 'It will be able to decrypt what is meant for this identity. First touch one that can, then the new one.',
    approve: 'Begin',
    done: 'The second authenticator was added.',
  },
}

/** The second step of `enrol`. */
export const ANOTHER: Pick<Wording, 'question' | 'explanation' | 'approve'> = {
  question: 'Now the new authenticator',
  explanation: 'Have the one at hand that you want to add.',
  approve: 'Add it',
}

export const CAPABILITIES = { Commit: 'Sign', Decrypt: 'Decrypt', CommitAndDecrypt: 'Sign and decrypt' } as const

const CODES: ReadonlyMap<string, string> = new Map([
  ['denied', 'It was denied: nothing was done.'],
  ['wrong-device', 'This authenticator does not hold the key.'],
  ['wrong-origin', 'This page may not use these keys.'],
  ['counter-behind', 'The authenticator counts less than before: its key may have been copied.'],
  ['stale-response', 'The answer was for another request.'],
  ['not-available', 'The authenticator or the browser cannot do this.'],
])

/** What became of a request that was refused. */
export function refusalText(code: string): string {
  return CODES.get(code) ?? 'It failed: nothing was done.'
}
