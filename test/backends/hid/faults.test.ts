import { describe, expect, test } from 'vitest'
import { memoryStore } from '../../../src/index.ts'
import type { Store } from '../../../src/index.ts'
import { Fault } from '../../../src/core/errors.ts'
import { encryptTo } from '../../../src/crypto/ciphertext.ts'
import { verifyCommitment } from '../../../src/crypto/commitment.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import type { AuthenticatorOptions } from '../../authenticator/authenticator.ts'
import type { Exchange } from '../../authenticator/exchange.ts'
import { PIN, world } from './hids.ts'
import type { World } from './hids.ts'

const data = new TextEncoder().encode('what is signed')
const { signal } = new AbortController()
const options = { key: 'k', params: 'P256', capabilities: 'CommitAndDecrypt' } as const
const CODES: readonly unknown[] = ['backend-failed', 'denied', 'device-busy', 'device-gone', 'invalid-argument', 'not-available', 'pin-missing', 'pin-wrong', 'unanswered', 'wrong-device', 'store-failed']

/** What happens at one of a device's commands. */
type Mishap = (answer: () => Promise<Uint8Array>, exchange: Exchange) => Promise<Uint8Array>

class Unlucky extends SoftwareAuthenticator {
  /** How many commands from now on it happens, and what. */
  due = 0
  mishap: Mishap | undefined

  constructor(more: AuthenticatorOptions = {}) {
    super({ pin: PIN, ...more })
  }

  override handle(request: Uint8Array, exchange: Exchange): Promise<Uint8Array> {
    const answer = () => super.handle(request, exchange)
    return this.due-- === 0 && this.mishap !== undefined ? this.mishap(answer, exchange) : answer()
  }
}

interface Scene extends World {
  readonly device: Unlucky
  readonly giveUp: () => void
}

/** But those that lock a device. */
const statuses = [0x01, 0x06, 0x14, 0x27, 0x2d, 0x2e, 0x2f, 0x31, 0x33, 0x36, 0x3f, 0x7f]
const says = (...bytes: readonly number[]): Mishap => async () => Uint8Array.from(bytes)
const mishaps: readonly (readonly [title: string, mishap: (scene: Scene) => Mishap])[] = [
  ...statuses.map(status => [`it answers 0x${status.toString(16)}`, () => says(status)] as const),
  ['it answers nothing', () => says()],
  ['it answers no fields', () => says(0)],
  ['it answers an empty map', () => says(0, 0xa0)],
  ['it answers half a map', () => says(0, 0xa1)],
  ['whoever asked gives up before', ({ giveUp }) => answer => (giveUp(), answer())],
  ['whoever asked gives up after', ({ giveUp }) => async answer => {
    const answered = await answer()
    giveUp()
    return answered
  }],
]

async function scene(store: Store, resident: boolean, play: (scene: Scene, given: AbortSignal) => Promise<void>): Promise<void> {
  await using made = await world([], { resident, store })
  const device = new Unlucky()
  made.devices.plug(device)
  const given = new AbortController()
  await play({ ...made, device, giveUp: () => given.abort() }, given.signal)
}

/** It ended as it should, and the same device serves the next. */
async function fine({ hid }: World, ended: PromiseSettledResult<unknown>): Promise<void> {
  if (ended.status === 'rejected') expect(CODES).toContain(ended.reason.code)
  const identities = await hid.identities()
  expect(identities).toHaveLength(ended.status === 'fulfilled' ? 1 : 0)
  expect(await hid.residents()).toHaveLength(identities.length)
}

describe('a generate in which something goes wrong, at whichever of its commands, leaves nothing behind:', () => {
  test.each(mishaps)('%s', async (_, mishap) => {
    for (let at = 0; at < 10; at++) {
      await scene(memoryStore(), true, async (made, given) => {
        made.device.due = at
        made.device.mishap = mishap(made)
        const [ended] = await Promise.allSettled([made.hid.backend.generate(options, given)])
        made.device.mishap = undefined
        await fine(made, ended)
      })
    }
  })

  test('the store fails', async () => {
    for (let at = 0; at < 5; at++) {
      const memory = memoryStore()
      let left = at
      const failing = async <T>(work: () => Promise<T>) => {
        if (left-- === 0) throw new Fault('store-failed', 'It is full')
        return work()
      }
      const store: Store = {
        capabilities: memory.capabilities, get: key => failing(() => memory.get(key)), write: changes => failing(() => memory.write(changes)), range: keys => memory.range(keys), close: () => memory.close(),
      }
      await scene(store, true, async made => {
        const [ended] = await Promise.allSettled([made.hid.backend.generate(options, signal)])
        await fine(made, ended)
      })
    }
  })
})

describe('a use in which something goes wrong, at whichever of its commands, is a refusal, and the next goes well:', () => {
  test.each(mishaps)('%s', async (_, mishap) => {
    await scene(memoryStore(), false, async made => {
      const identity = await made.hid.backend.generate(options, signal)
      const [signer, decryptor] = [await made.hid.backend.signer(identity, signal), await made.hid.backend.decryptor(identity, signal)]
      const ciphertext = await encryptTo(identity, data)
      const uses: readonly ((given: AbortSignal) => Promise<boolean>)[] = [
        async given => verifyCommitment(identity, data, await signer.sign(data, given)),
        async given => Buffer.from(data).equals(Buffer.from(await decryptor.decrypt(ciphertext, given) as Uint8Array)),
      ]
      for (const use of uses) {
        for (let at = 0; at < 8; at++) {
          const given = new AbortController()
          made.device.due = at
          made.device.mishap = mishap({ ...made, giveUp: () => given.abort() })
          const ended = await use(given.signal).catch((error: { code?: string }) => error.code)
          made.device.mishap = undefined
          expect([true, ...CODES]).toContain(ended)
          expect(await use(signal)).toBe(true)
        }
      }
    })
  })
})
