import { expect, test } from 'vitest'
import { createNode, memoryStore } from '../../src/index.ts'
import type { NodeOptions, Store } from '../../src/index.ts'

test('a store is that of one node at a time, whose id it keeps', async () => {
  const store = memoryStore()
  const node = await createNode({ store })
  await expect(createNode({ store })).rejects.toMatchObject({ code: 'invalid-argument' })
  await node.stop()
  const next = await createNode({ store })
  expect(next.id).toBe(node.id)
  await next.stop()
})

test.each<[string, unknown]>([['no object', 7], ['an object without methods', {}], ['null', null]])('what is %s is no store', async (_what, store) => {
  const options: NodeOptions = JSON.parse(JSON.stringify({ store }))
  await expect(createNode(options)).rejects.toMatchObject({ code: 'invalid-argument' })
})

test('a store that fails when a node begins keeps nobody from it when it works again', async () => {
  const store = memoryStore()
  const failing: Store = { ...store, capabilities: store.capabilities, get: () => Promise.reject(new Error('no')), range: range => store.range(range), write: changes => store.write(changes), close: () => store.close() }
  await expect(createNode({ store: failing })).rejects.toThrow('no')
  failing.get = key => store.get(key)
  await (await createNode({ store: failing })).stop()
})
