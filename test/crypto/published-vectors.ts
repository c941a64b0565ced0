import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'

/** Published vectors are not part of this repository: they lie beside it, or in the folder that IPSE_VECTORS names. */
const folder = process.env['IPSE_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors', import.meta.url))

/**
 * A `describe` over one file of published vectors. Where the file is absent it is one skipped test whose name says so, and
 * under CI=true a failure.
 */
export function describeVectors<T>(title: string, file: string, schema: z.ZodType<T>, body: (data: T) => void): void {
  const path = join(folder, file)
  if (existsSync(path)) {
    const data = schema.parse(JSON.parse(readFileSync(path, 'utf8')))
    describe(title, () => body(data))
    return
  }
  const name = `${title}: no ${file} in ../shared/vectors, nor in the folder that IPSE_VECTORS names`
  if (process.env['CI'] === 'true') test(name, () => expect.fail('CI must have the published vectors'))
  else test.skip(name)
}

const hex = z.string().regex(/^([0-9a-f]{2})*$/).transform(text => Uint8Array.from(Buffer.from(text, 'hex')))
export const hexBytes: z.ZodType<Uint8Array> = hex

/** The parts of a Wycheproof file of signatures that our tests read. */
export function wycheproofSignatures<K>(publicKey: z.ZodType<K>) {
  return z
    .object({
      numberOfTests: z.number(),
      testGroups: z.array(
        z.object({
          publicKey,
          ciphersuite: z.string().optional(),
          tests: z.array(
            z.object({
              tcId: z.number(),
              comment: z.string(),
              flags: z.array(z.string()),
              msg: hexBytes,
              sig: hexBytes,
              result: z.enum(['valid', 'invalid', 'acceptable']),
            }),
          ),
        }),
      ),
    })
    .transform(({ testGroups }) =>
      testGroups.flatMap(group => group.tests.map(one => ({ ...one, publicKey: group.publicKey, ciphersuite: group.ciphersuite }))),
    )
}
