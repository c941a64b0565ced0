import { describe, expect, test } from 'vitest'
import { everythingOf, found } from '../../looking.ts'
import { PIN, world } from './hids.ts'

const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const { signal } = new AbortController()

describe('a device itself', () => {
  test('says what it is, and how many PINs it takes', async () => {
    await using made = await world()
    expect(await made.hid.devices()).toEqual([expect.objectContaining({ product: 'Software authenticator' })])
    expect(await made.hid.info()).toEqual(expect.objectContaining({
      versions: expect.arrayContaining(['FIDO_2_1']), extensions: expect.arrayContaining(['hmac-secret']), options: expect.objectContaining({ clientPin: true }), pinRetries: 8, aaguid: expect.stringMatching(/^[0-9a-f]{32}$/),
    }))
    await using bare = await world([{}])
    expect(await bare.hid.info()).not.toHaveProperty('pinRetries')
  })

  test('is given a PIN, and another one; neither is seen anywhere', async () => {
    await using made = await world([{}])
    const generate = () => made.hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'Commit' }, signal)
    await expect(generate()).rejects.toEqual(code('pin-missing'))
    const errors: unknown[] = []
    const failing = async (act: Promise<unknown>, expected: string) => {
      const error = await act.catch((thrown: unknown) => thrown)
      expect(error).toEqual(code(expected))
      errors.push(error)
    }
    await failing(made.hid.setPin('Qx7vW2kd91Zt', PIN), 'invalid-argument')
    await made.hid.setPin('Qx7vW2kd91Zt')
    await failing(made.hid.setPin(PIN), 'invalid-argument')
    await failing(made.hid.setPin(PIN, 'bN5rJ8yh03Lm'), 'pin-wrong')
    await failing(made.hid.setPin('1', 'Qx7vW2kd91Zt'), 'invalid-argument')
    await made.hid.setPin(PIN, 'Qx7vW2kd91Zt')
    await generate()
    const secrets = [PIN, 'Qx7vW2kd91Zt', 'bN5rJ8yh03Lm'].map(text => ({ name: text, bytes: new TextEncoder().encode(text) }))
    expect(found(everythingOf([made.seen, errors, made.hid]), secrets)).toEqual([])
  })

  test('lists what it keeps for us, and nothing else', async () => {
    await using made = await world([{ pin: PIN }], { resident: true })
    expect(await made.hid.residents()).toEqual([])
    const identity = await made.hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'Commit' }, signal)
    const [credential] = await made.hid.credentials(identity)
    expect(await made.hid.residents()).toEqual([{ credential: credential?.id, user: 'ipse identity' }])
    await using preview = await world([{ pin: PIN, credentialManagement: false }], { resident: true })
    await expect(preview.hid.residents()).rejects.toEqual(code('not-available'))
  })
})
