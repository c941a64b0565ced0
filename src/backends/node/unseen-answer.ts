import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { ReadStream } from 'node:tty'

/** Where a person is asked. */
export interface Terminal {
  readonly input: Pick<ReadStream, 'isTTY'> & NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
}

/** What is typed after the question, which is not shown; `undefined` when the input ended, or the signal aborted, before there was a line. */
export async function unseenAnswer(question: string, { input, output }: Terminal, signal?: AbortSignal): Promise<string | undefined> {
  if (signal?.aborted) return undefined
  // What is typed would be shown here.
  const nowhere = new Writable({ write: (_chunk, _encoding, written) => written() })
  const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
  const ended = new Promise<undefined>(resolve => void lines.once('close', () => resolve(undefined)))
  const end = () => lines.close()
  signal?.addEventListener('abort', end)
  output.write(question)
  try {
    return await Promise.race([lines.question('').catch(() => undefined), ended])
  } finally {
    signal?.removeEventListener('abort', end)
    lines.close()
    output.write('\n')
  }
}
