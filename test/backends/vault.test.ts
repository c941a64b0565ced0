import { vi } from 'vitest'
import { backendCompliance } from './compliance.ts'
import { Disk } from './vaults.ts'

/** The same modules again, in a process that was told to compute with portable code. */
vi.stubEnv('IPSE_CRYPTO', 'portable')
vi.resetModules()
const portable = await import('./vaults.ts')
vi.unstubAllEnvs()

const declared = (await new Disk().open()).backend

backendCompliance('a vault', async () => (await new Disk().open()).backend, declared)
backendCompliance('a vault without a period to undo deletes in', async () => (await new Disk().open({ undoPeriod: 0 })).backend, declared)
backendCompliance('a vault with portable code', async () => (await new portable.Disk().open()).backend, declared)
