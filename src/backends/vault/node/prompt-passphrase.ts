import { stderr, stdin } from 'node:process'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { ReadStream } from 'node:tty'
import { Fault } from '../../../core/errors.ts'
import { prepared } from '../passphrase.ts'
import type { Unlocker } from '../root-keys.ts'

/** Where it is asked. */
export interface Terminal {
  readonly input: Pick<ReadStream, 'isTTY'> & NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
}

/**
 * Opens the slots of a passphrase that is asked for at the terminal, without showing it, each time it is needed. Its secret rejects with `not-available` when
 * there is no terminal, or nothing was entered; as `passphrase` throws.
 */
export function promptPassphrase(question: string, terminal: Terminal = { input: stdin, output: stderr }): Unlocker {
  return Object.freeze({ kind: 'passphrase', secret: async () => prepared(await ask(question, terminal)) })
}

async function ask(question: string, { input, output }: Terminal): Promise<string> {
  if (!input.isTTY) throw new Fault('not-available', 'There is no terminal to ask for a passphrase at: unlock with a key file or the environment instead')
  // What is typed would be shown here.
  const nowhere = new Writable({ write: (_chunk, _encoding, written) => written() })
  const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
  const ended = new Promise<never>((_resolve, reject) => {
    lines.once('close', () => reject(new Fault('not-available', 'No passphrase was entered')))
  })
  output.write(question)
  try {
    return await Promise.race([lines.question(''), ended])
  } finally {
    lines.close()
    output.write('\n')
  }
}
