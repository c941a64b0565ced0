import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { devicesAsync, HIDAsync } from 'node-hid'
import { PluggedKey } from './plugged-key.ts'
import type { Step } from './steps.ts'

const FIDO = 0xf1d0

/** What node-hid does with an authenticator of ours, through the kernel. */
export function nodeHidSteps(): readonly Step[] {
  let key: PluggedKey
  return [
    { name: 'node-hid lists an authenticator', run: async () => {
      key = await PluggedKey.new()
      assert.deepEqual(await paths(), [key.path])
    } },
    { name: 'node-hid exchanges CTAPHID_INIT with it', run: async () => {
      const device = await HIDAsync.open(key.path)
      const nonce = randomBytes(8)
      await device.write(Buffer.concat([Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 0x86, 0, 8]), nonce, Buffer.alloc(49)]))
      const answer = await device.read(5000)
      await device.close()
      assert.equal(answer?.subarray(0, 7).toString('hex'), 'ffffffff860011')
      assert.deepEqual(answer.subarray(7, 15), nonce)
    } },
    { name: 'node-hid tells of a device that is unplugged while it is open', run: async () => {
      const device = await HIDAsync.open(key.path)
      const failed = Promise.withResolvers<unknown>()
      device.on('error', failed.resolve)
      device.on('data', () => {})
      await key.unplug()
      assert.match(String(await failed.promise), /could not read/i)
      await device.close()
      assert.deepEqual(await paths(), [])
    } },
  ]
}

async function paths(): Promise<readonly (string | undefined)[]> {
  const devices = await devicesAsync()
  return devices.filter(({ usagePage }) => usagePage === FIDO).map(({ path }) => path)
}
