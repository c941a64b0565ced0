import { open, readFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

/** Where a copy lies: what C allocates; the stacks of threads; what else was mapped, most of it V8's heap; what a library or a file was mapped to. */
export const kinds = ['C heap', 'stack', 'anonymous', 'file'] as const
export type Kind = typeof kinds[number]

/** Addresses that the program can read. */
export interface Region {
  readonly from: number
  readonly to: number
  readonly kind: Kind
}

const LINE = /^([0-9a-f]+)-([0-9a-f]+) (r\S+) \S+ \S+ \d+\s*(.*)$/
/** glibc gives each thread an arena at such addresses. */
const ARENA = 64 * 2 ** 20

/** What a process has in memory and may have written, but for what it never touched (proc_pid_maps(5), proc_pid_pagemap(5)). */
export async function regionsOf(pid: number): Promise<readonly Region[]> {
  const lines = (await readFile(`/proc/${pid}/maps`, 'utf8')).split('\n')
  const pages = await open(`/proc/${pid}/pagemap`)
  try {
    const regions: Region[] = []
    for (const line of lines) {
      const [, from = '', to = '', rights = '', path = ''] = LINE.exec(line) ?? []
      // What is shared is of files, such as a store's.
      if (!rights.includes('w') && !rights.endsWith('s')) continue
      const start = parseInt(from, 16)
      regions.push(...await touched(pages, { from: start, to: parseInt(to, 16), kind: kindOf(path, start) }))
    }
    return regions
  } finally {
    await pages.close()
  }
}

const PAGE = 4096
const ENTRY = 8
/** Present, or swapped out: bits 63 and 62 of what is said of a page. */
const TOUCHED = 0xc0

/** The parts of a region whose pages there are: of most of what is mapped there are none. */
async function touched(pages: FileHandle, { from, to, kind }: Region): Promise<readonly Region[]> {
  const entries = Buffer.alloc((to - from) / PAGE * ENTRY)
  const { bytesRead } = await pages.read(entries, 0, entries.length, from / PAGE * ENTRY)
  const parts: Region[] = []
  for (let i = 0; i < bytesRead / ENTRY; i++) {
    if (((entries[i * ENTRY + ENTRY - 1] ?? 0) & TOUCHED) === 0) continue
    const at = from + i * PAGE
    const before = parts.at(-1)
    if (before?.to === at) parts[parts.length - 1] = { ...before, to: at + PAGE }
    else parts.push({ from: at, to: at + PAGE, kind })
  }
  return parts
}

function kindOf(path: string, from: number): Kind {
  if (path.startsWith('[stack')) return 'stack'
  if (path === '[heap]') return 'C heap'
  if (path !== '') return 'file'
  return from % ARENA === 0 ? 'C heap' : 'anonymous'
}
