import { describe, expect, test } from 'vitest'
import { memoryNetwork } from '../../src/index.ts'
import { formatIdentityName } from '../../src/crypto/identity-name.ts'
import { portableEd25519 } from '../../src/crypto/suites/ed25519/portable.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { transportCompliance } from './compliance.ts'

const nodeID = () => formatIdentityName({ sign: { suite: portableEd25519, publicKey: portableEd25519.publicKey(portableEd25519.generate(randomBytes)) } })

const place = (buffer?: number) => () => {
  const network = memoryNetwork(buffer === undefined ? {} : { buffer })
  return { node: (id = nodeID()) => ({ id, transport: network.transport() }) }
}

transportCompliance('memory', place(), { reliable: true, exclusive: true, buffer: 1 << 20 })
transportCompliance('memory without room', place(0), { reliable: true, exclusive: true, buffer: 0 })

describe('memory', () => {
  test('keeps nothing of the sender: a frame is a copy', async () => {
    const network = memoryNetwork()
    const [a, b] = [nodeID(), nodeID()]
    const frame = Uint8Array.of(1, 2, 3)
    const heard = new Promise<Uint8Array>(resolve => {
      const deaf = { received() {}, drained() {}, closed() {} }
      void network.transport().open(b, { linked: () => ({ ...deaf, received: resolve }), unreachable() {} })
      const transport = network.transport()
      void transport.open(a, {
        linked(link) {
          link.send(frame.subarray(1))
          frame.fill(0)
          return deaf
        },
        unreachable() {},
      })
      transport.dial(b)
    })
    expect(await heard).toEqual(Uint8Array.of(2, 3))
    expect((await heard).buffer.byteLength).toBe(2)
  })

  test('refuses a buffer that is no number of bytes', () => {
    for (const buffer of [-1, NaN]) expect(() => memoryNetwork({ buffer })).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  })
})
