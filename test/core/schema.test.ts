import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { always, defineEngine, defineProtocol, engineID, exchange, exchangeBy, reply, sensitive } from '../../src/index.ts'
import type { Shape } from '../../src/index.ts'
import { redactionOf, resolutionOf } from '../../src/core/schema-walk.ts'
import { simulate } from '../../src/simulation.ts'

const secret = sensitive(z.string())
const tree: z.ZodType<unknown> = z.lazy(() => z.object({ pin: secret, more: z.array(tree) }))

const wrapped: [string, Shape, object][] = [
  ['refined', { pin: secret.min(1) }, { pin: '4711' }],
  ['described', { pin: secret.describe('a pin') }, { pin: '4711' }],
  ['not optional', { pin: z.nonoptional(sensitive(z.string().optional())) }, { pin: '4711' }],
  ['optional', { pin: secret.optional() }, { pin: '4711' }],
  ['nullable and readonly', { pin: secret.nullable().readonly() }, { pin: '4711' }],
  ['in an object', { a: z.object({ pin: secret }) }, { a: { pin: '4711' } }],
  ['what other fields are', { a: z.object({ x: z.number() }).catchall(secret) }, { a: { x: 1, y: '4711' } }],
  ['in an array', { a: z.array(z.array(secret)) }, { a: [['4711']] }],
  ['in a record', { a: z.record(z.string(), z.object({ pin: secret })) }, { a: { x: { pin: '4711' } } }],
  ['in a tuple', { a: z.tuple([z.number(), secret]) }, { a: [1, '4711'] }],
  ['in the rest of a tuple', { a: z.tuple([z.number()], secret) }, { a: [1, '4711', '4711'] }],
  ['in an intersection', { a: z.intersection(z.object({ x: z.number() }), z.object({ pin: secret })) }, { a: { x: 1, pin: '4711' } }],
  ['in a union', { a: z.union([z.number(), z.object({ pin: secret })]) }, { a: { pin: '4711' } }],
  ['in a discriminated union', { a: z.discriminatedUnion('t', [z.object({ t: z.literal('a') }), z.object({ t: z.literal('b'), pin: secret })]) }, { a: { t: 'b', pin: '4711' } }],
  ['in a recursive schema', { a: tree }, { a: { pin: '4711', more: [{ pin: '4711', more: [] }] } }],
  ['in a schema of zod/mini', { a: mini.object({ pin: mini.optional(sensitive(mini.string())) }) }, { a: { pin: '4711' } }],
]

describe('a schema', () => {
  test.each(wrapped)('S9: marked sensitive and %s is redacted', (_name, shape, value) => {
    const before = JSON.stringify(value)
    expect(before).toContain('4711')
    expect(JSON.stringify(redactionOf([shape])?.(value))).toBe(before.replaceAll('4711', '[redacted]'))
    expect(JSON.stringify(value)).toBe(before)
  })

  test('S9: what one case of a reply marks sensitive is redacted, whatever another case says', async () => {
    const protocol = defineProtocol({
      id: 'test/cases', version: 1, codes: [], tells: {},
      requests: { GetRequest: exchangeBy({ which: z.enum(['x', 'y']) }, 'which', { x: { v: sensitive(z.string()) }, y: { v: z.string() } }) },
    })
    interface Cases { protocol: { id: 'test/cases'; codes: never; requests: (typeof protocol)['requests']; tells: {} }; config: z.ZodObject<{}>; environment: {} }
    const engine = defineEngine<Cases>({
      protocol, config: z.object({}), environment: () => ({}), open: true, behaviour: { messages: { GetRequest: always(() => reply({ v: '4711' })) } },
    })
    const sim = simulate({ seed: 1 })
    const node = sim.createNode()
    const events: unknown[] = []
    node.observe(event => events.push(event))
    await sim.run(async () => {
      const to = await node.spawn(engine, { name: 'cases' })
      expect(await node.client('a').ask(to, { type: 'GetRequest', which: 'x' })).toEqual({ v: '4711' })
      await node.stop()
    })
    expect(JSON.stringify(events)).not.toContain('4711')
  })

  test('S8: an EngineID is resolved wherever it lies', () => {
    const here = { node: `z6Mk${'a'.repeat(44)}`, name: 'a' }
    const shape = { a: z.record(z.string(), engineID()), b: z.tuple([engineID()]), c: z.object({ d: engineID().optional() }) }
    const bare = { node: null, name: 'a' }
    expect(resolutionOf(shape, () => here)?.({ a: { x: bare }, b: [bare], c: { d: bare } })).toEqual({ a: { x: here }, b: [here], c: { d: here } })
  })

  const refused: [string, Shape][] = [
    ['transforms', { a: z.string().transform(text => text.length) }], ['pipes', { a: z.string().pipe(z.string()) }], ['defaults', { a: z.number().default(7) }],
    ['prefaults', { a: z.prefault(z.number(), 7) }], ['catches', { a: z.number().catch(7) }], ['coerces', { a: z.coerce.number() }],
    ['preprocesses', { a: z.preprocess(x => x, z.number()) }], ['is a date', { a: z.date() }], ['is a map', { a: z.map(z.string(), z.string()) }],
    ['is a set', { a: z.set(z.string()) }], ['trims', { a: z.string().trim() }], ['defaults other fields', { a: z.object({}).catchall(z.number().default(1)) }], ['hides a default', { a: z.array(z.object({ b: z.record(z.string(), z.number().default(1)) })) }],
    ['is recursive and coerces', { a: z.lazy(() => z.array(z.coerce.number())) }], ['has a type of its own', { type: z.string() }],
  ]
  test.each(refused)('that %s is no message', (_name, shape) => {
    const invalid = expect.objectContaining({ code: 'invalid-definition' })
    expect(() => defineProtocol({ id: 'test/x', version: 1, codes: [], requests: {}, tells: { Tell: shape } })).toThrow(invalid)
    expect(() => defineProtocol({ id: 'test/x', version: 1, codes: [], requests: { XRequest: exchange(shape, {}) }, tells: {} })).toThrow(invalid)
    if (!('type' in shape)) expect(() => defineProtocol({ id: 'test/x', version: 1, codes: [], requests: { XRequest: exchange({}, shape) }, tells: {} })).toThrow(invalid)
  })

  test('of a reply has no field that would pass for a refusal', () => {
    expect(() => defineProtocol({ id: 'test/x', version: 1, codes: [], requests: { XRequest: exchange({}, { err: z.string(), code: z.string() }) }, tells: {} }))
      .toThrow(expect.objectContaining({ code: 'invalid-definition' }))
  })
})
