import { storeCompliance } from './compliance.ts'
import { describeLmdb, lmdbPlace } from './places.ts'

await describeLmdb('lmdb', () => storeCompliance('lmdb', lmdbPlace))
