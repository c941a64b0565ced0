import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** Published sets are not part of this repository, but for those typed in: they lie beside it, or in the folder that IPSE_VECTORS names. */
const folder = process.env['IPSE_VECTORS'] ?? join(root, '../shared/vectors')

/** The parsed file of a set, or `undefined` where it is absent. */
export function readVectors(file: string): unknown {
  const path = file.startsWith('test/') ? join(root, file) : join(folder, file)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}
