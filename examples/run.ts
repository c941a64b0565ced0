import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createNode, memoryNetwork } from '../src/index.ts'
import { Missing } from './context.ts'
import type { Context, Example } from './context.ts'
import { Trace } from './trace.ts'

/** Each is loaded when it is run, since some load much. */
const examples: ReadonlyMap<string, () => Promise<Example>> = new Map([
  ['lifecycle', async () => (await import('./lifecycle.ts')).lifecycle],
  ['sign-and-verify', async () => (await import('./sign-and-verify.ts')).signAndVerify],
  ['encrypt-and-decrypt', async () => (await import('./encrypt-and-decrypt.ts')).encryptAndDecrypt],
  ['share-and-revoke', async () => (await import('./share-and-revoke.ts')).shareAndRevoke],
  ['custom-engine', async () => (await import('./custom-engine.ts')).customEngine],
  ['supervision', async () => (await import('./supervision.ts')).supervision],
  ['xstate-machine', async () => (await import('./xstate-machine.ts')).xstateMachine],
  ['two-nodes', async () => (await import('./two-nodes.ts')).twoNodes],
  ['simulate-your-engine', async () => (await import('./simulate-your-engine.ts')).simulateYourEngine],
  ['service-that-restarts', async () => (await import('./service-that-restarts.ts')).serviceThatRestarts],
  ['backup-and-restore', async () => (await import('./backup-and-restore.ts')).backupAndRestore],
  ['lock-and-unlock', async () => (await import('./lock-and-unlock.ts')).lockAndUnlock],
  ['jws', async () => (await import('./jws.ts')).jws],
  ['viem-account', async () => (await import('./viem-account.ts')).viemAccount],
  ['webauthn', async () => {
    const { buildPage } = await import('../scripts/page.ts')
    await buildPage(join(import.meta.dirname, '..'))
    return (await import('./webauthn.ts')).webauthn
  }],
  ['verify-from-python', async () => (await import('./verify-from-python.ts')).verifyFromPython],
])

const USAGE = `usage: npm run example NAME [-- --mermaid]
NAME is one of: ${[...examples.keys()].join(', ')}`

/** Runs one example and shows it: as text, or with `mermaid` as a Markdown document that holds nothing but its diagrams. */
async function run(example: Example, mermaid: boolean): Promise<void> {
  const trace = new Trace()
  const network = memoryNetwork()
  // The other nodes of this network are of this process: where there is no native code, portable code will do.
  await using node = await createNode({ transport: network.transport(), portableCrypto: true })
  node.observe(trace.observe)
  const showLines = () => {
    const lines = trace.lines(trace.take())
    if (!mermaid) for (const line of lines) console.log(`  ${line}`)
  }
  const context: Context = {
    node,
    network,
    observe: other => void other.observe(trace.observe),
    print: line => void (mermaid || console.log(line)),
    async sequence(title, work) {
      showLines()
      console.log(mermaid ? `## ${title}\n` : `\n${title}`)
      const result = await work()
      // Observers may hear of it a turn of the event loop later than whoever asked.
      await setImmediate()
      if (mermaid) console.log(`\`\`\`mermaid\n${trace.diagram(trace.take())}\n\`\`\`\n`)
      else showLines()
      return result
    },
  }
  await example(context)
  await node.stop()
  if (!mermaid) console.log()
  showLines()
}

function parse(): { readonly load: () => Promise<Example>; readonly mermaid: boolean } | string {
  try {
    const { values, positionals: [name, ...more] } = parseArgs({ options: { mermaid: { type: 'boolean', default: false } }, allowPositionals: true })
    if (name === undefined) return 'Which example?'
    if (more.length > 0) return `One example at a time, not also ${more.join(', ')}`
    const load = examples.get(name)
    return load === undefined ? `There is no example ${JSON.stringify(name)}` : { load, mermaid: values.mermaid }
  } catch (error) {
    return error instanceof Error ? error.message : 'The arguments cannot be read'
  }
}

// Whoever reads may have read enough, as `| head` does.
process.stdout.on('error', () => process.exit())

const parsed = parse()
if (typeof parsed === 'string') {
  console.error(`${parsed}\n${USAGE}`)
  process.exitCode = 2
} else {
  try {
    await run(await parsed.load(), parsed.mermaid)
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
