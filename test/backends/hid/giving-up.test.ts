import { describe, expect, test } from 'vitest'
import { encryptTo } from '../../../src/crypto/ciphertext.ts'
import { verifyCommitment } from '../../../src/crypto/commitment.ts'
import type { Prompt } from '../../../src/hid.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import type { Exchange } from '../../authenticator/exchange.ts'
import { PIN, Person, world } from './hids.ts'

const data = new TextEncoder().encode('what is signed')
const { signal } = new AbortController()
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const options = { key: 'k', params: 'P256', capabilities: 'CommitAndDecrypt' } as const
const soon = <T>(value: T) => new Promise<T>(resolve => void setImmediate(resolve, value))

describe('what comes of a question that is over is not heard:', () => {
  const late: readonly (readonly [title: string, then: (resolve: (answer: 'denied') => void, reject: (error: unknown) => void) => void])[] = [
    ['it rejects', (_, reject) => reject(new Error('The question was taken away'))],
    ['it was denied', resolve => resolve('denied')],
  ]
  test.each(late)('%s', async (_, then) => {
    class Late extends Person {
      override touch(...[, over]: Parameters<Prompt['touch']>): Promise<'denied'> {
        return new Promise((resolve, reject) => over.addEventListener('abort', () => then(resolve, reject)))
      }
    }
    await using made = await world([{ pin: PIN, touch: () => soon(true) }], { person: new Late() })
    const identity = await made.hid.backend.generate(options, signal)
    const decryptor = await made.hid.backend.decryptor(identity, signal)
    expect(await decryptor.decrypt(await encryptTo(identity, data), signal)).toEqual(data)
  })
})

describe('a generate that is given up leaves nothing on a device that keeps credentials:', () => {
  // Its first touch is for the credential, its second for the key that is wrapped under that.
  test.each([1, 2])('at touch %i', async last => {
    const given = new AbortController()
    let touches = 0
    const touch = () => ++touches === last ? new Promise<never>(() => given.abort()) : true
    await using made = await world([{ pin: PIN, residentKeys: 1, touch }], { resident: true })
    await expect(made.hid.backend.generate(options, given.signal)).rejects.toEqual(code('backend-failed'))
    expect(await made.hid.residents()).toEqual([])
    await made.hid.backend.generate(options, signal)
  })

  test('at a touch that the device takes nevertheless', async () => {
    const given = new AbortController()
    /** It looks at nothing else while it waits for a touch. */
    class Deaf extends SoftwareAuthenticator {
      override handle(request: Uint8Array, exchange: Exchange): Promise<Uint8Array> {
        return super.handle(request, { ...exchange, signal })
      }
    }
    const touch = async () => {
      given.abort()
      await new Promise(resolve => void setTimeout(resolve, 20))
      return true
    }
    await using made = await world([], { resident: true })
    made.devices.plug(new Deaf({ pin: PIN, touch }))
    await expect(made.hid.backend.generate(options, given.signal)).rejects.toEqual(code('backend-failed'))
    expect(await made.hid.residents()).toEqual([])
  })
})

test('what is asked for is what it was when it was asked for, whatever becomes of its bytes', async () => {
  await using made = await world([{ pin: PIN, touch: () => soon(true) }])
  const identity = await made.hid.backend.generate(options, signal)
  const [signer, decryptor] = [await made.hid.backend.signer(identity, signal), await made.hid.backend.decryptor(identity, signal)]
  const changing = data.slice()
  const signing = signer.sign(changing, signal)
  changing.fill(0)
  expect(verifyCommitment(identity, data, await signing)).toBe(true)
  const ciphertext = await encryptTo(identity, data)
  const decrypting = decryptor.decrypt(ciphertext, signal)
  ciphertext.fill(0)
  expect(await decrypting).toEqual(data)
})

test.each(['is closed', 'stops with its node', 'has its engine stopped'])('who gives up while everything %s breaks nothing', async how => {
  const uncaught: unknown[] = []
  const caught = (error: unknown) => void uncaught.push(error)
  process.on('uncaughtException', caught)
  const given = new AbortController()
  const made = await world([{ pin: PIN, touch: () => new Promise(() => {}) }])
  const failed = expect(made.hid.backend.generate(options, given.signal)).rejects.toEqual(code('backend-failed'))
  await expect.poll(() => made.states().at(-1)).toBe('touch')
  const ending = how === 'is closed' ? made.hid.close() : made.node.stop(...how === 'has its engine stopped' ? [made.hid.engine] : [])
  setImmediate(() => given.abort())
  await ending
  await failed
  await made.hid.close()
  await made.node.stop()
  process.off('uncaughtException', caught)
  expect(uncaught).toEqual([])
})
