import { argv, stdout } from 'node:process'
import { keyFile, passphrase } from '../../src/vault.ts'
import type { Unlocker } from '../../src/vault.ts'
import { timed } from '../rounds.ts'
import { keyOf, openPlaceVault, openStore } from './place.ts'
import { PASSPHRASE } from './unlock.ts'

// Unlocks a vault both ways, and prints a line of JSON, the `Report` of unlock.ts. Its argument is a folder.

const [, , folder = ''] = argv
const store = await openStore(folder)
const vault = await openPlaceVault(folder, store)
const byKeyFile = await unlocking(keyFile(keyOf(folder)))
const byPassphrase = await unlocking(passphrase(PASSPHRASE))
await vault.close()
await store.close()
stdout.write(JSON.stringify({ passphrase: byPassphrase, keyFile: byKeyFile }))

async function unlocking(unlocker: Unlocker): Promise<number> {
  await vault.lock()
  const time = await timed(() => vault.unlock(unlocker))
  if (vault.isLocked) throw new Error('unlock: it is locked')
  return time
}
