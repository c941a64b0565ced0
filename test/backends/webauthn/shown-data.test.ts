import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { showData, showDigest, showName } from '../../../src/backends/webauthn/browser/shown-data.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('data is shown', () => {
  test.each(['a', 'Pay 100 € to Ada\n\tnow', '漢字, عربي, e\u0301, 🔑'])('as text where it is that: %j', text => {
    expect(showData(utf8(text))).toMatchObject({ kind: 'text', content: text })
  })

  test.each([
    ['a control', '\u0007'], ['a carriage return, which overwrites', 'pay 1\rpay 2'], ['an escape', '\u001b[2J'], ['a byte order mark', '\ufeffa'], ['text that is turned around', 'a\u202eb'],
    ['a space of no width', 'a\u200bb'], ['an isolate', '\u2066a'], ['a line separator', 'a\u2028b'], ['a tag', '\u{e0041}'], ['a private character', '\ue000'], ['a hard space', 'a\u00a0b'], ['a filler', 'a\u00adb'],
    ['a letter that is not seen', 'a\u3164b'], ['another one', 'a\u115fb'], ['a small one', 'a\uffa0b'], ['a pattern of no dots', 'a\u2800b'], ['a note without a head', 'a\u{1d159}b'],
    ['a joiner of marks', 'a\u034fb'], ['a selector of variations', 'a\ufe01b'], ['bytes in such selectors', 'a\u{e0101}\u{e0142}b'], ['a vowel that is not seen', 'a\u17b4b'],
    ['a place for an object', 'a\ufffcb'], ['marks that pile up over other lines', `a${'\u0301'.repeat(9)}b`], ['nothing but space', ' \n\t '],
  ])('in hexadecimal where there is %s', (_what, text) => {
    const { kind, content } = showData(utf8(text))
    expect(kind).toBe('hex')
    expect(unhex(content)).toEqual(utf8(text))
  })

  test('in hexadecimal where it is no UTF-8, whole', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 4096 }), bytes => {
      const { kind, content } = showData(bytes)
      expect(kind === 'text' ? utf8(content) : unhex(content)).toEqual(bytes)
    }))
  })

  test('with the number of its lines, which may be further down', () => {
    expect(showData(utf8(`pay 1${'\n'.repeat(3000)}and 1,000 more`)).caption).toBe('3,019 bytes, as text in 3,001 lines')
    expect(showData(utf8('pay 1')).caption).toBe('5 bytes, as text')
  })

  test('by its digest where it is long', () => {
    const long = new Uint8Array(4097).fill(0x61)
    const { kind, caption, content } = showData(long)
    expect(kind).toBe('digest')
    expect(caption).toContain('4,097 bytes')
    expect(content.replaceAll(' ', '')).toBe(createHash('sha256').update(long).digest('hex'))
    expect(showData(long.subarray(1)).kind).toBe('text')
    expect(caption).toContain('too long to show')
    expect(showDigest(long)).toMatchObject({ kind, content })
  })

  test('as nothing where there is none', () => {
    expect(showData(new Uint8Array(0))).toMatchObject({ kind: 'empty', caption: 'No bytes' })
  })
})

test('a name shows what it hides', () => {
  expect(showName('letters')).toBe('letters')
  expect(showName('a\u202eb\n\u200b')).toBe('a\\u{202e}b\\u{a}\\u{200b}')
  expect(showName('a\u3164b\tc')).toBe('a\\u{3164}b\\u{9}c')
  expect(showName('e\u0301')).toBe('e\u0301')
  expect(showName(`e${'\u0301'.repeat(9)}`)).toBe(`e${'\\u{301}'.repeat(9)}`)
  expect(showName('\ud800')).toBe('\\u{d800}')
})
