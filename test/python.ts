import { expect, test } from 'vitest'
import { Missing } from '../examples/context.ts'
import { Python } from '../examples/verify-from-python.ts'

async function findPython(): Promise<Python | string> {
  try {
    return await Python.find()
  } catch (error) {
    if (error instanceof Missing) return error.message
    throw error
  }
}

const found = await findPython()

/** In a `describe`: tests that run Python. Where there is none, one skipped test whose name says so, and under CI=true a failure. */
export function testsOfPython(body: (python: Python) => void): void {
  if (typeof found !== 'string') body(found)
  else if (process.env['CI'] === 'true') test(found, () => expect.fail('CI must have a Python with the module cryptography'))
  else test.skip(found)
}
