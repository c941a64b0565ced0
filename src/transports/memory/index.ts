export { memoryNetwork } from './network.ts'
