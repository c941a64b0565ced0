import { stderr, stdin } from 'node:process'
import { Fault } from '../../../core/errors.ts'
import { unseenAnswer } from '../../node/unseen-answer.ts'
import type { Terminal } from '../../node/unseen-answer.ts'
import { prepared } from '../passphrase.ts'
import type { Unlocker } from '../root-keys.ts'

/**
 * Opens the slots of a passphrase that is asked for at the terminal, without showing it, each time it is needed. Its secret rejects with `not-available` when
 * there is no terminal, or nothing was entered; as `passphrase` throws.
 */
export function promptPassphrase(question: string, terminal: Terminal = { input: stdin, output: stderr }): Unlocker {
  return Object.freeze({ kind: 'passphrase', secret: async () => prepared(await ask(question, terminal)) })
}

async function ask(question: string, terminal: Terminal): Promise<string> {
  if (!terminal.input.isTTY) throw new Fault('not-available', 'There is no terminal to ask for a passphrase at: unlock with a key file or the environment instead')
  const answer = await unseenAnswer(question, terminal)
  if (answer === undefined) throw new Fault('not-available', 'No passphrase was entered')
  return answer
}
