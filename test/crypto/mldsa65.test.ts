import { describe, expect, test } from 'vitest'
import { nodePlatform } from '../../src/crypto/node/platform.ts'
import { verifyInContext as verifyNatively } from '../../src/crypto/suites/mldsa65/native.ts'
import { portableMldsa65, verifyInContext } from '../../src/crypto/suites/mldsa65/portable.ts'
import { describeBothPaths, describeOnEachPath } from './both-paths.ts'
import { sampleOf, utf8 } from './sample-keys.ts'

const { secretKey, publicKey } = sampleOf(portableMldsa65, 0x2f)
const message = utf8('a message')

describeOnEachPath('MLDSA65', suite => {
  test('signing is hedged: two signatures of one message differ, and both verify', async () => {
    const signer = suite.signer(secretKey)
    const signatures = [signer.sign(message), signer.sign(message), ...await signer.signBatch([message, message])]
    expect(new Set(signatures.map(String)).size).toBe(4)
    for (const signature of signatures) expect(suite.verify(publicKey, message, signature)).toBe(true)
  })

  test('every string of the length is a public key', () => {
    for (const byte of [0, 1, 0x80, 0xff]) expect(suite.isPublicKey(new Uint8Array(1952).fill(byte))).toBe(true)
    expect(suite.verify(new Uint8Array(1952).fill(0xff), message, new Uint8Array(3309))).toBe(false)
  })
})

describe('a signature in the empty context', () => {
  const signature = portableMldsa65.sign(secretKey, message)

  test('is one in no other, by portable code', () => {
    expect([0, 1, 255, 256].map(length => verifyInContext(publicKey, message, signature, new Uint8Array(length)))).toEqual([true, false, false, false])
  })

  describeBothPaths('MLDSA65', () => {
    test('is one in no other, by native code', () => {
      const verified = [0, 1, 255, 256].map(length => nodePlatform && verifyNatively(nodePlatform, publicKey, message, signature, new Uint8Array(length)))
      expect(verified).toEqual([true, false, false, false])
    })
  })
})
