import { memoryStore } from '../../src/index.ts'
import { storeCompliance } from './compliance.ts'

storeCompliance('memory', async () => ({ open: async () => memoryStore() }))
