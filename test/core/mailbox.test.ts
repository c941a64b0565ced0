import { describe, expect, test } from 'vitest'
import { Fault } from '../../src/core/errors.ts'
import { mailboxesOf } from '../../src/core/mailbox.ts'
import type { Mailboxes } from '../../src/core/mailbox.ts'

const read = (mailboxes: Mailboxes<unknown> | undefined) => mailboxesOf(mailboxes, problem => new Fault('invalid-definition', problem))

describe('what a family says of its mailboxes', () => {
  test('S5, S44: an option that is given as undefined is as good as not given', () => {
    const none: Mailboxes<unknown> = JSON.parse('{ "0": {}, "2": {} }')
    const undefineds = Object.fromEntries([0, 2].map(id => [id, { capacity: undefined, overflow: undefined, priority: undefined, state: undefined }])) as unknown as Mailboxes<unknown>
    expect(read(undefineds)).toEqual(read(none))
    expect(read(undefineds)[0]).toEqual({ capacity: 65_536, overflow: 'reject', priority: 0, state: undefined })
    expect(read(undefineds)[0]).toEqual(read(undefined)[0])
    expect(read({ 0: { capacity: 3, overflow: undefined } as object })[0]).toMatchObject({ capacity: 3, overflow: 'reject' })
  })

  test('S47: the first state of a mailbox is a copy, frozen to its ends', () => {
    const state = { last: { n: 1 }, list: [{ n: 2 }] }
    const [, definition] = read({ 1: { state } })
    state.last.n = 7
    state.list.push({ n: 8 })
    expect(definition?.state).toEqual({ last: { n: 1 }, list: [{ n: 2 }] })
    const kept = definition?.state as typeof state
    for (const part of [kept, kept.last, kept.list, kept.list[0]]) expect(Object.isFrozen(part)).toBe(true)
    expect(() => read({ 1: { state: { f: () => 1 } } })).toThrow(expect.objectContaining({ code: 'not-encodable' }))
  })

  test('a field or a form that it does not have is refused, and those there are are named', () => {
    const refused = (mailboxes: unknown) => expect(() => read(mailboxes as Mailboxes<unknown>))
    refused({ 1: { capcity: 3 } }).toThrow(expect.objectContaining({
      code: 'invalid-definition', message: 'mailbox 1 has no field "capcity"; it has capacity, overflow, priority, state',
    }))
    for (const mailboxes of [[], [{ capacity: 3 }], null, 'none', new Map()]) refused(mailboxes).toThrow(/^mailboxes must be an object/)
    for (const options of [[], null, 3, new Map()]) refused({ 0: options }).toThrow(/^mailbox 0 must be an object/)
    refused({ 16: {} }).toThrow(/^there is no mailbox "16"/)
  })
})
