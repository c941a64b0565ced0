import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { always, bytes, defineEngine, defineProtocol, engineID, exchange, reply, sensitive } from '../../src/index.ts'
import { copyData } from '../../src/core/data.ts'
import { engineIDOf } from '../../src/core/engine-id.ts'
import { SimpleShape } from '../../src/core/simple-shape.ts'
import type { ProtocolOf } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'

const leaf: fc.Arbitrary<z.core.$ZodType> = fc.constantFrom(
  z.string(), z.number(), z.boolean(), z.string({ error: 'text!' }), sensitive(z.string()), z.string().brand('b'), z.number().meta({ title: 'n' }),
  z.literal('a'), z.literal([1, null, true]), z.literal(['a', undefined]), z.literal(Number.NaN), z.enum(['a', 'type']), z.enum({ One: 1, Two: 2 }),
  bytes(), bytes(1), sensitive(bytes(2)))
const simple = fc.oneof(leaf, leaf.map(schema => z.optional(schema)), leaf.map(schema => z.exactOptional(schema)))
const checked: fc.Arbitrary<z.core.$ZodType> = fc.constantFrom(
  z.string().min(2), z.string().refine(text => text !== 'a'), z.email(), z.int(), z.number().max(0), z.nullable(z.string()), z.optional(z.string().max(1)),
  z.optional(z.optional(z.string())), z.union([z.string(), z.number()]), z.array(z.number()), z.strictObject({ a: z.string() }), z.unknown(), z.nan(), z.null(),
  z.bigint(), bytes(2).refine(value => value[0] === 1), sensitive(bytes(2)).refine(value => value[0] === 1), z.nullable(bytes()), engineID(), z.custom<string>(value => value === 'a'), z.templateLiteral(['a']), z.string().check(z.minLength(3)))
const name = fc.constantFrom('a', 'b', 'n', 'Type', 'length', '0')
const field: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom('', 'a', 'type', 0, -0, 1, 2, Number.NaN, Infinity, -Infinity, true, false, null, undefined, 1n), fc.string(), fc.double(),
  fc.constantFrom(() => ({}), () => ({ a: 'a' }), () => [], () => [1], () => new Uint8Array(2), () => engineIDOf(null, 'x')).map(make => make()))
const extra = fc.constantFrom('a', 'b', 'n', 'Type', 'length', '0', 'toString', 'constructor', 'hasOwnProperty', 'other')
const message = fc.record({ type: fc.constantFrom<unknown>('Hit', 'Hit', 'Hit', 'Miss', undefined, 1), fields: fc.dictionary(extra, field, { maxKeys: 5 }) })
  .map(({ type, fields }) => ({ ...fields, type }))

function outcome(shape: SimpleShape, schema: z.core.$ZodType, sent: unknown) {
  const copied = copyData(sent, 'it')
  return { quick: shape.accepts(copied), slow: z.safeParse(schema, copied).success }
}

describe('simple shapes', () => {
  test('S8: they accept what the schema accepts, and nothing else', () => {
    let accepted = 0
    fc.assert(fc.property(fc.dictionary(name, simple, { maxKeys: 4 }), message, fc.infiniteStream(field), (fields, other, values) => {
      const shape = SimpleShape.of('Hit', fields)
      if (shape === undefined) throw new Error('it is simple')
      const schema = z.strictObject({ type: z.literal('Hit'), ...fields })
      const near = { type: 'Hit', ...Object.fromEntries(Object.keys(fields).map(key => [key, values.next().value])) }
      for (const sent of [other, near, { ...other, ...near }]) {
        const { quick, slow } = outcome(shape, schema, sent)
        expect(quick).toBe(slow)
        if (quick) accepted++
      }
    }), { numRuns: 3000 })
    expect(accepted).toBeGreaterThan(300)
  })

  test('S8: what a schema checks beyond a type is left to the schema', () => {
    fc.assert(fc.property(fc.dictionary(name, simple, { maxKeys: 3 }), checked, (fields, schema) => {
      expect(SimpleShape.of('Hit', { ...fields, z: schema })).toBeUndefined()
    }))
    for (const inherited of ['toString', 'constructor', '__proto__']) expect(SimpleShape.of('Hit', { [inherited]: z.string() })).toBeUndefined()
  })

  test('what is no object is not accepted', () => {
    for (const value of [undefined, null, 'Hit', 1, [], ['Hit']]) expect(SimpleShape.of('Hit', {})?.accepts(value)).toBe(false)
  })
})

const noConfig = z.strictObject({})

function saying(id: string, text: z.ZodString) {
  return defineProtocol({
    id, version: 1, codes: ['no'], tells: {},
    requests: { SayRequest: exchange({ text, n: z.number().optional(), is: z.boolean().exactOptional() }, { seen: z.string() }) },
  })
}
interface SayProtocol extends ProtocolOf<ReturnType<typeof saying>> {}
interface Sayer {
  protocol: SayProtocol
  config: typeof noConfig
  environment: {}
}

/** Two engines of the same messages. The schema of the second one is asked, for a refinement that says nothing. */
const families = [z.string(), z.string().refine(() => true)].map((text, i) => defineEngine<Sayer>({
  id: `test/sayer-${i}`, protocol: saying('test/sayer', text), config: noConfig, environment: () => ({}),
  behaviour: { messages: { SayRequest: always(({ msg }) => reply({ seen: `${Object.keys(msg).join()} ${JSON.stringify(msg)}` })) } },
}))

const good = { type: 'SayRequest', text: 'a' }
/** Each is made anew: some change as they are read. */
const hostile: { readonly [what: string]: () => unknown } = {
  'all is well': () => ({ ...good, n: 1, is: true }),
  'fields without values': () => ({ ...good, n: undefined, is: undefined }),
  'its type last': () => ({ n: 1, text: 'a', type: 'SayRequest' }),
  'without a prototype': () => Object.assign(Object.create(null), good),
  'another prototype': () => Object.assign(Object.create({ text: 'b' }), good),
  'fields of its prototype': () => Object.create(good),
  'of a class': () => Object.assign(new (class Good {})(), good),
  'an array': () => Object.assign(['a'], good),
  'a field too many': () => ({ ...good, more: 1 }),
  'a field that all objects have': () => ({ ...good, toString: 'a' }),
  'an own __proto__': () => JSON.parse('{"type":"SayRequest","text":"a","__proto__":{"n":1}}'),
  'a symbol': () => ({ ...good, [Symbol('n')]: 1 }),
  'a field that is not enumerable': () => Object.defineProperty({ type: 'SayRequest' }, 'text', { value: 'a' }),
  'a getter': () => ({ type: 'SayRequest', get text() { return 'a' } }),
  'a getter that changes its mind': () => { let reads = 0; return { type: 'SayRequest', get text() { return reads++ === 0 ? 'a' : 1 } } },
  'a getter that thinks better of it': () => { let reads = 0; return { type: 'SayRequest', get text() { return reads++ === 0 ? 1 : 'a' } } },
  'a getter that throws': () => ({ type: 'SayRequest', get text() { throw new Error('no') } }),
  'a proxy': () => new Proxy(good, {}),
  'a proxy that has everything': () => new Proxy(good, { get: (_good, key) => key === 'type' ? 'SayRequest' : 'a', has: () => true }),
  'a proxy that names too much': () => new Proxy({ ...good, more: 1 }, { ownKeys: () => ['type', 'text', 'more'] }),
  'no text': () => ({ type: 'SayRequest', text: 1 }),
  'a boxed text': () => ({ type: 'SayRequest', text: Object('a') }),
  'no number': () => ({ ...good, n: Number.NaN }),
  'a function': () => ({ ...good, n: () => 1 }),
  'nothing': () => ({ type: 'SayRequest' }),
}

test.each(Object.entries(hostile))('S8: a message ends alike, whether its shape or its schema is asked: %s', async (_what, made) => {
  const sim = simulate({ seed: 1 })
  const node = sim.createNode()
  const client = node.client('a')
  await sim.run(async () => {
    const outcomes: unknown[] = []
    for (const [i, family] of families.entries()) {
      const to = await node.spawn(family, { name: `sayer-${i}`, acquaintances: [client] })
      const asked: Promise<unknown> = Reflect.apply(client.askRaw, client, [to, made()])
      outcomes.push(await asked.catch((error: unknown) => error instanceof Error ? [error.name, error.message] : error))
    }
    expect(outcomes[0]).toEqual(outcomes[1])
    await node.stop()
  })
})
