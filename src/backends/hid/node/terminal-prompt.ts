import { stderr, stdin } from 'node:process'
import { Fault } from '../../../core/errors.ts'
import { unseenAnswer } from '../../node/unseen-answer.ts'
import type { Terminal } from '../../node/unseen-answer.ts'
import type { HidDevice } from '../hid.ts'
import { printable } from '../printable.ts'
import type { Asked, ChoiceAsked, DeviceAsked, PinAsked, Prompt, Purpose } from '../prompt.ts'

const DOING: { readonly [P in Purpose]: string } = {
  generate: 'make an identity', sign: 'sign', decrypt: 'decrypt', delete: 'delete an identity', enrol: 'let a device decrypt', remove: 'remove a credential', manage: 'look after it',
}
const PROBLEMS: { readonly [P in NonNullable<PinAsked['problem']>]: string } = {
  wrong: 'That PIN was wrong.', 'too-short': 'That was too short for a PIN of this device.', 'too-long': 'That was too long for a PIN.',
}

/** In characters: of a name that others chose. */
const LONGEST = 80

/** Asks at a terminal: this process's, unless told. A PIN is not shown while it is typed; an empty one means that none is given. */
export class TerminalPrompt implements Prompt {
  readonly #terminal: Terminal

  constructor(terminal: Terminal = { input: stdin, output: stderr }) {
    this.#terminal = terminal
  }

  insert(asked: Asked): void {
    this.#say(`Plug in the device to ${describe(asked)}.`)
  }

  choose({ devices, ...asked }: ChoiceAsked): void {
    this.#say(`Touch the device that is to ${describe(asked)}: ${devices.map(nameOf).join(', or ')}.`)
  }

  touch({ device, ...asked }: DeviceAsked): void {
    this.#say(`Touch ${nameOf(device)} to ${describe(asked)}.`)
  }

  async pin({ device, retries, problem, ...asked }: PinAsked, signal: AbortSignal): Promise<string | undefined> {
    if (!this.#terminal.input.isTTY) throw new Fault('not-available', 'There is no terminal to ask for a PIN at: give another prompt')
    if (problem !== undefined) this.#say(PROBLEMS[problem])
    const left = retries === 1 ? 'The device takes one more, and locks itself if that is wrong' : `The device takes ${retries} more`
    const answer = await unseenAnswer(`PIN of ${nameOf(device)}, to ${describe(asked)}. ${left}: `, this.#terminal, signal)
    return answer === '' ? undefined : answer
  }

  #say(line: string): void {
    this.#terminal.output.write(`${line}\n`)
  }
}

function describe({ purpose, asker, identity, data }: Asked): string {
  const what = data && (data.text === undefined ? `${data.length} bytes, SHA-256 ${data.digest}` : JSON.stringify(data.text))
  return [
    DOING[purpose], what, identity && `in the name of ${shortened(identity)}`, asker && `for ${printable(asker.name, LONGEST)}${asker.node === null ? '' : ` of ${shortened(asker.node)}`}`,
  ].filter(part => part !== undefined && part !== '').join(' ')
}

/** A device says of itself what it likes. */
function nameOf({ product, manufacturer, path }: HidDevice): string {
  return printable(product === undefined ? path : [manufacturer, product].filter(Boolean).join(' '), LONGEST)
}

function shortened(name: string): string {
  return name.length <= 20 ? name : `${name.slice(0, 12)}…${name.slice(-6)}`
}
