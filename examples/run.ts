import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createNode, memoryNetwork } from '../src/index.ts'
import type { Context, Example } from './context.ts'
import { customEngine } from './custom-engine.ts'
import { encryptAndDecrypt } from './encrypt-and-decrypt.ts'
import { lifecycle } from './lifecycle.ts'
import { shareAndRevoke } from './share-and-revoke.ts'
import { signAndVerify } from './sign-and-verify.ts'
import { simulateYourEngine } from './simulate-your-engine.ts'
import { supervision } from './supervision.ts'
import { Trace } from './trace.ts'
import { xstateMachine } from './xstate-machine.ts'
import { twoNodes } from './two-nodes.ts'

const examples: ReadonlyMap<string, Example> = new Map([
  ['lifecycle', lifecycle],
  ['sign-and-verify', signAndVerify],
  ['encrypt-and-decrypt', encryptAndDecrypt],
  ['share-and-revoke', shareAndRevoke],
  ['custom-engine', customEngine],
  ['supervision', supervision],
  ['xstate-machine', xstateMachine],
  ['two-nodes', twoNodes],
  ['simulate-your-engine', simulateYourEngine],
])

const USAGE = `usage: npm run example NAME [-- --mermaid]
NAME is one of: ${[...examples.keys()].join(', ')}`

/** Runs one example and shows it: as text, or with `mermaid` as a Markdown document that holds nothing but its diagrams. */
async function run(example: Example, mermaid: boolean): Promise<void> {
  const trace = new Trace()
  const network = memoryNetwork()
  await using node = await createNode({ transport: network.transport() })
  node.observe(trace.observe)
  const showLines = () => {
    const lines = trace.lines(trace.take())
    if (!mermaid) for (const line of lines) console.log(`  ${line}`)
  }
  const context: Context = {
    node,
    network,
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

function parse(): { readonly example: Example; readonly mermaid: boolean } | string {
  try {
    const { values, positionals: [name, ...more] } = parseArgs({ options: { mermaid: { type: 'boolean', default: false } }, allowPositionals: true })
    if (name === undefined) return 'Which example?'
    if (more.length > 0) return `One example at a time, not also ${more.join(', ')}`
    const example = examples.get(name)
    return example === undefined ? `There is no example ${JSON.stringify(name)}` : { example, mermaid: values.mermaid }
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
  await run(parsed.example, parsed.mermaid)
}
