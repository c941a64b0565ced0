import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { summaryOf } from '../../../src/backends/hid/data-summary.ts'
import { TerminalPrompt } from '../../../src/backends/hid/node/terminal-prompt.ts'
import type { PinAsked } from '../../../src/hid.ts'

const device = { path: '/dev/hidraw7', vendorId: 1, productId: 2, product: 'Key\u001b[2J\u202e', manufacturer: 'Maker' }
const asked: PinAsked = { purpose: 'sign', device, retries: 3, identity: 'z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', asker: { node: null, name: 'alice' }, data: { length: 5, digest: 'ab'.repeat(32), text: 'hello' } }

function terminal(isTTY = true) {
  const input = Object.assign(new PassThrough(), { isTTY })
  const output = new PassThrough()
  let written = ''
  output.on('data', (chunk: Buffer) => { written += chunk.toString() })
  return { input, output, written: () => written }
}

describe('a terminal', () => {
  test('asks for a PIN without showing what is typed', async () => {
    const at = terminal()
    const answer = new TerminalPrompt(at).pin(asked, new AbortController().signal)
    at.input.write('7291-sentinel\r')
    expect(await answer).toBe('7291-sentinel')
    expect(at.written()).not.toContain('7291')
    expect(at.written()).toBe('PIN of Maker Key?[2J?, to sign "hello" in the name of z6MkhaXgBZDv…ta2doK for alice. The device takes 3 more: \n')
  })

  test('takes an empty line, and the end of the input, for no', async () => {
    const at = terminal()
    const answer = new TerminalPrompt(at).pin({ ...asked, retries: 1, problem: 'wrong' }, new AbortController().signal)
    at.input.write('\r')
    expect(await answer).toBeUndefined()
    expect(at.written()).toMatch(/^That PIN was wrong\.\n.*one more, and locks itself/)
    const other = terminal()
    const ended = new TerminalPrompt(other).pin(asked, new AbortController().signal)
    other.input.end()
    expect(await ended).toBeUndefined()
  })

  test('takes its question back', async () => {
    const at = terminal()
    const over = new AbortController()
    const answer = new TerminalPrompt(at).pin(asked, over.signal)
    over.abort()
    expect(await answer).toBeUndefined()
    expect(await new TerminalPrompt(at).pin(asked, over.signal)).toBeUndefined()
  })

  test('that is none asks for no PIN', async () => {
    await expect(new TerminalPrompt(terminal(false)).pin(asked, new AbortController().signal)).rejects.toEqual(expect.objectContaining({ code: 'not-available' }))
  })

  test('says what to touch, to choose and to plug in', () => {
    const at = terminal()
    const prompt = new TerminalPrompt(at)
    prompt.touch({ purpose: 'decrypt', device, data: { length: 70, digest: 'cd'.repeat(32) } })
    prompt.choose({ purpose: 'generate', devices: [device, { ...device, product: 'Other', manufacturer: 'Maker' }] })
    prompt.insert({ purpose: 'enrol', asker: { node: null, name: 'alice\u001b[31m' } })
    expect(at.written()).toBe([
      `Touch Maker Key?[2J? to decrypt 70 bytes, SHA-256 ${'cd'.repeat(32)}.`,
      'Touch the device that is to make an identity: Maker Key?[2J?, or Maker Other.',
      'Plug in the device to let a device decrypt for alice?[31m.',
      '',
    ].join('\n'))
  })
})

describe('a person is shown data as text where that is all of it:', () => {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const cases: readonly (readonly [title: string, text: string, isShown: boolean])[] = [
    ['words', 'pay 5 to Zoë, 李四 and دانا 🔑', true],
    ['nothing', '', false],
    ['a line', 'pay 5\n', false],
    ['an escape sequence', 'pay 5\u001b[2J', false],
    ['the other direction', 'pay \u202e5', false],
    ['a mark at the beginning that says nothing', '\ufeffpay 5', false],
    ['more that hides behind a letter', 'pay 5\u{e0150}\u{e0151}', false],
    ['a letter that is shown as nothing', 'pay 5\u3164', false],
    ['braille without dots', 'pay 5\u2800', false],
    ['words far away', `pay 5${' '.repeat(200)}00`, false],
    ['a space at the end', 'pay 5 ', false],
  ]
  test.each(cases)('%s', (_, text, isShown) => {
    expect(summaryOf(bytes(text)).text).toBe(isShown ? text : undefined)
  })
})
