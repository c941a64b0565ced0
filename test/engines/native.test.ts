import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { Backends, ProtocolOf } from '../../src/index.ts'

const noConfig = z.strictObject({})

afterEach(() => {
  vi.unstubAllEnvs()
  vi.resetModules()
})

/** The library, in a process whose environment says so. */
async function libraryUnder(asked: string | undefined) {
  vi.resetModules()
  vi.stubEnv('IPSE_CRYPTO', asked)
  return import('../../src/index.ts')
}

const SCHEMES = ['Ed25519', 'Secp256k1', 'BLS', 'P256', 'MLDSA65', 'X25519', 'X-Wing']

/** Where packages or OpenSSL lack something there is a reason why these cannot run: CI has all of it. */
const isWhole = process.env['CI'] === 'true' || await libraryUnder(undefined).then(async ({ createNode }) => {
  await using node = await createNode()
  return Object.values(node.describe().crypto).every(({ path }) => path === 'native')
})

describe('node.describe()', () => {
  test.skipIf(!isWhole)('says which native code is in use', async () => {
    const { createNode, memoryNetwork } = await libraryUnder(undefined)
    await using node = await createNode()
    const { node: id, boot, transport, crypto } = node.describe()
    expect(id).toBe(node.id)
    expect(boot).toMatch(/^[0-9a-f]{32}$/)
    expect(transport).toBe(false)
    expect(Object.keys(crypto)).toEqual(SCHEMES)
    for (const { path } of Object.values(crypto)) expect(path).toBe('native')
    expect(crypto['Ed25519']?.provider).toBe(`OpenSSL ${process.versions.openssl}`)
    expect(JSON.parse(JSON.stringify(node.describe()))).toEqual(node.describe())
    await using reachable = await createNode({ transport: memoryNetwork().transport() })
    expect(reachable.describe().transport).toBe(true)
  })

  test('says that portable code is, where that is asked for', async () => {
    const { createNode } = await libraryUnder('portable')
    await using node = await createNode()
    const { crypto } = node.describe()
    expect(Object.keys(crypto)).toEqual(SCHEMES)
    for (const { path } of Object.values(crypto)) expect(path).toBe('portable')
  })

  test('is the same however often it is asked', async () => {
    const { createNode } = await libraryUnder('')
    await using node = await createNode()
    vi.stubEnv('IPSE_CRYPTO', 'portable')
    const before = node.describe()
    expect(node.describe()).toEqual(before)
  })
})

test('a path that there is none of is refused when code is first chosen', async () => {
  const { createNode } = await libraryUnder('protable')
  await using node = await createNode()
  expect(() => node.describe()).toThrow(expect.objectContaining({ code: 'invalid-argument', message: 'IPSE_CRYPTO is "protable": set it to native or portable, or unset it' }))
})

describe('S67: portable code', () => {
  test('signs for nobody else, unless the host says so', async () => {
    const { commitment, createNode, decryption, identityManagement, localMemory, memoryNetwork } = await libraryUnder('portable')
    await using node = await createNode({ transport: memoryNetwork().transport() })
    const services = { backends: [localMemory()] }
    await expect(node.spawn(identityManagement, { name: 'im', services })).rejects.toMatchObject({
      code: 'portable-crypto', message: expect.stringMatching(/Ed25519.*X-Wing.*portableCrypto: true/),
    })
    const config = { backend: { type: 'LocalMemory' }, identity: { node: null, name: 'z' }, backendDeadline: 1 }
    for (const engine of [commitment, decryption]) {
      await expect(Promise.resolve(Reflect.apply(node.spawn, node, [engine, { name: 'x', config, services }]))).rejects.toMatchObject({ code: 'portable-crypto' })
    }
    // A refused spawn changes nothing: the name is still there to be given.
    await using told = await createNode({ transport: memoryNetwork().transport(), portableCrypto: true })
    await told.spawn(identityManagement, { name: 'im', services })
  })

  test('signs for nobody through an engine that spawns an identity engine', async () => {
    const { always, child, createNode, defineEngine, defineProtocol, identityManagement, localMemory, memoryNetwork, spawn, update } = await libraryUnder('portable')
    const protocol = defineProtocol({ id: 'test/parent', version: 1, codes: [], requests: {}, tells: { Go: {} } })
    interface ParentProtocol extends ProtocolOf<typeof protocol> {}
    interface Parent { protocol: ParentProtocol; config: typeof noConfig; environment: object; services: Backends }
    const errors: unknown[] = []
    await using node = await createNode({ transport: memoryNetwork().transport() })
    node.observe(event => { if (event.kind === 'ended') errors.push(event.error) })
    const parent = defineEngine<Parent>({
      protocol, config: noConfig, environment: () => ({}), open: true, children: () => [identityManagement],
      behaviour: { messages: { Go: always(({ self }) => [spawn(identityManagement, { as: child(identityManagement, self, 0), config: {} }), update({})]) } },
    })
    const to = await node.spawn(parent, { name: 'parent', services: { backends: [localMemory()] }, config: {}, supervision: { crash: 'stop' } })
    node.client('alice').tell(to, { type: 'Go' })
    await vi.waitFor(() => expect(errors).toMatchObject([{ code: 'portable-crypto' }]))
  })

  test('may sign where nobody else can ask', async () => {
    const { createNode, identities, identityManagement, localMemory, verify } = await libraryUnder('portable')
    await using node = await createNode()
    const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [localMemory()] } })
    const data = new Uint8Array(3)
    const { externalIdentity, commit } = await identities(node.client('alice'), im).generate({ params: 'Ed25519' })
    expect(await verify(externalIdentity, data, await commit(data))).toBe(true)
  })

  test.skipIf(!isWhole)('is not needed: native code serves others', async () => {
    const { createNode, identityManagement, localMemory, memoryNetwork } = await libraryUnder('native')
    await using node = await createNode({ transport: memoryNetwork().transport() })
    await node.spawn(identityManagement, { name: 'im', services: { backends: [localMemory()] } })
  })
})
