import { parentPort, workerData } from 'node:worker_threads'
import { plant } from './plant.ts'
import type { Assignment } from './threads.ts'

// A thread of its own, so that what it loads may be changed: nothing of the library is imported before the mutant is planted.

// Schedules are full of errors on purpose, and nobody looks where they came from.
if (workerData.runs > 1) Error.stackTraceLimit = 0
const { mutant, seed, runs, thread, threads }: Assignment = workerData
const isPlanted = mutant === undefined ? () => true : plant(mutant)
const { search } = await import('./search.ts')
if (!isPlanted()) throw new Error(`The mutant ${mutant?.name} is for ${mutant?.file}, which is not loaded`)
parentPort?.postMessage(await search(seed, runs, thread, threads, mutant !== undefined))
