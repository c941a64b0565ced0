import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Trace } from '../examples/trace.ts'
import { always, createNode, defineEngine, defineProtocol, exchange, refuse, reply, stop } from '../src/index.ts'
import type { ProtocolOf } from '../src/index.ts'
import { Browser, testsOfChromium } from './backends/webauthn/chromium.ts'
import { testsOfPython } from './python.ts'

const root = join(import.meta.dirname, '..')
const notExamples = new Set(['context.ts', 'ipse-hid.ts', 'run.ts', 'trace.ts'])
const names = readdirSync(join(root, 'examples')).filter(file => !notExamples.has(file)).map(file => file.replace(/\.ts$/, ''))

/** What others show than that an identity is generated. */
const SHOWS: { readonly [name: string]: string } = { 'simulate-your-engine': 'DepositRequest', 'service-that-restarts': 'ConnectIdentityRequest' }

interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function runExample(...args: readonly string[]): Promise<Run> {
  return runExampleWith({}, args)
}

/** `onPage` hears of the address of a page that is to be opened. */
function runExampleWith(environment: NodeJS.ProcessEnv, args: readonly string[], onPage?: (url: string) => void): Promise<Run> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, [join(root, 'examples/run.ts'), ...args], { env: { ...process.env, ...environment } }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }))
    child.stderr?.on('data', (text: string) => {
      const [url] = /http:\S+/.exec(text) ?? []
      if (url !== undefined) onPage?.(url)
    })
  })
}

/** Runs an example; where it asks for a person, with one who opens its page and agrees to everything. */
async function runWithPerson(name: string, ...args: readonly string[]): Promise<Run> {
  if (name !== 'webauthn') return runExample(name, ...args)
  await using browser = await Browser.launch()
  const { stderr, ...ran } = await runExampleWith({}, [name, ...args], async url => {
    await (await browser.open(url)).plug()
  })
  return { ...ran, stderr: stderr.replace(/^Open this page, .+\n.+\n/, '') }
}

/** A sequence diagram as far as our trace writes them. Throws for a line that is none. */
class Diagram {
  /** The label of each participant, by id. */
  readonly participants = new Map<string, readonly string[]>()
  readonly arrows: (readonly [from: string, to: string, text: string])[] = []
  readonly notes: (readonly [over: string, text: string])[] = []

  constructor(text: string) {
    const [first, ...lines] = text.split('\n')
    if (first !== 'sequenceDiagram') throw new Error(`No sequence diagram begins with ${first}`)
    for (const line of lines.map(each => each.trim()).filter(each => each !== '')) this.#read(line)
  }

  #read(line: string): void {
    const [, id, label] = /^participant ([A-Za-z0-9]+) as (.+)$/.exec(line) ?? []
    if (id && label) return void this.participants.set(id, label.split('<br/>').map(readable))
    const [, from, to, message] = /^([A-Za-z0-9]+)-(?:>>|x)([A-Za-z0-9]+): (.+)$/.exec(line) ?? []
    if (from && to && message) return void this.arrows.push([this.#known(from), this.#known(to), readable(message)])
    const [, over, note] = /^Note over ([A-Za-z0-9]+): (.+)$/.exec(line) ?? []
    if (over && note) return void this.notes.push([this.#known(over), readable(note)])
    throw new Error(`Not a line of a sequence diagram: ${line}`)
  }

  #known(id: string): string {
    if (!this.participants.has(id)) throw new Error(`${id} takes part and is not declared`)
    return id
  }
}

/** What Mermaid shows for a label. Throws for a character that it could read as syntax. */
function readable(label: string): string {
  if (/[;#%<>]/.test(label.replace(/#\d+;/g, ''))) throw new Error(`Mermaid would not show this as it is: ${label}`)
  return label.replace(/#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
}

/** The diagrams of a Markdown document that holds nothing but headings and diagrams. */
function diagramsIn(markdown: string): readonly { readonly title: string; readonly diagram: Diagram }[] {
  const block = /## (.+)\n\n```mermaid\n([^]*?)\n```\n\n/g
  expect(markdown.replace(block, '')).toBe('')
  return Array.from(markdown.matchAll(block), ([, title = '', text = '']) => ({ title, diagram: new Diagram(text) }))
}

describe.each(names)('%s', name => {
  const tests = () => {
    test('runs, and shows what passed', async () => {
      const { code, stdout, stderr } = await runWithPerson(name)
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expect(stdout).toContain(SHOWS[name] ?? 'GenerateIdentityRequest')
    })

    test('draws', async () => {
      const { code, stdout, stderr } = await runWithPerson(name, '--mermaid')
      expect(stderr).toBe('')
      expect(code).toBe(0)
      const diagrams = diagramsIn(stdout)
      expect(diagrams.length).toBeGreaterThan(0)
      for (const { diagram } of diagrams) expect(diagram.arrows.length).toBeGreaterThan(0)
    })
  }
  if (name === 'verify-from-python') testsOfPython(tests)
  else if (name === 'webauthn') testsOfChromium(tests)
  else tests()
})

describe('lifecycle', () => {
  // The specification's three sequence diagrams. Its notes are in words of its own; ours name the rules.
  const IM = 'IdentityManagementEngine'
  const sequences = [
    {
      title: 'Generating an identity',
      participants: ['Client', IM, 'CommitmentEngine', 'DecryptionEngine'],
      arrows: [['Client', IM, 'GenerateIdentityRequest'], [IM, 'CommitmentEngine', 'Spawn'], [IM, 'DecryptionEngine', 'Spawn'], [IM, 'Client', 'GenerateIdentityResponse']],
      notes: ['Create new identity'],
    },
    {
      title: 'Connecting to an existing identity',
      participants: ['Client', IM],
      arrows: [['Client', IM, 'ConnectIdentityRequest'], [IM, 'Client', 'ConnectIdentityResponse']],
      notes: ['Check external identity', 'Verify capabilities', 'Copy engine references'],
    },
    {
      title: 'Deleting an identity',
      participants: ['Client', IM],
      arrows: [['Client', IM, 'DeleteIdentityRequest'], [IM, 'Client', 'DeleteIdentityResponse']],
      notes: ['Check if identity exists', 'Delete identity if exists'],
    },
  ]

  test('draws the three sequences of the specification', async () => {
    const { stdout } = await runExample('lifecycle', '--mermaid')
    expect(diagramsIn(stdout).map(({ title, diagram: { participants, arrows, notes } }) => ({
      title, participants: [...participants.keys()], arrows, notes: notes.map(([, text]) => text),
    }))).toEqual(sequences)
  })

  test('names the engines as they are', async () => {
    const { stdout } = await runExample('lifecycle', '--mermaid')
    const [generating] = diagramsIn(stdout)
    expect([...generating?.diagram.participants ?? []]).toEqual([
      ['Client', ['Client', 'alice', expect.stringMatching(/^z6Mk\w{44}$/)]],
      [IM, [IM, 'identity-management', expect.stringMatching(/^z6Mk\w{44}$/)]],
      ['CommitmentEngine', ['CommitmentEngine', 'identity-management/0', expect.stringMatching(/^z6Mk\w{44}$/)]],
      ['DecryptionEngine', ['DecryptionEngine', 'identity-management/1', expect.stringMatching(/^z6Mk\w{44}$/)]],
    ])
  })

  test('shows no plaintext and no key', async () => {
    const { stdout } = await runExample('encrypt-and-decrypt')
    expect(stdout).toContain('DecryptionResponse')
    expect(stdout).toContain('[redacted]')
    expect(stdout).not.toContain('meet at noon')
  })
})

describe('the runner', () => {
  test('says what is missing outside of the project, and how to get it', async () => {
    // No Python starts with such a home.
    const { code, stdout, stderr } = await runExampleWith({ PYTHONHOME: '/nonexistent' }, ['verify-from-python'])
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toBe('This needs python3 with the module cryptography. On Debian: apt-get install python3-cryptography\n')
  })

  test.each([
    [['nonsense'], 'There is no example "nonsense"'],
    [[], 'Which example?'],
    [['lifecycle', 'sign-and-verify'], 'One example at a time'],
    [['lifecycle', '--nonsense'], "Unknown option '--nonsense'"],
  ])('refuses %j', async (args, problem) => {
    const { code, stdout, stderr } = await runExample(...args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(problem)
    for (const name of names) expect(stderr).toContain(name)
  })
})

describe('the trace', () => {
  const protocol = defineProtocol({ id: 'test/odd-one', version: 1, codes: ['no'], requests: { OddRequest: exchange({}, {}) }, tells: { Stop: {}, Crash: {} } })
  const config = z.strictObject({})
  interface Odd {
    protocol: ProtocolOf<typeof protocol>
    config: typeof config
    environment: object
  }
  const odd = defineEngine<Odd>({
    protocol, config, environment: () => ({}),
    behaviour: { messages: {
      OddRequest: always(() => reply(refuse('no', 'No'))),
      Stop: always(() => stop()),
      Crash: always(() => { throw new Error('on purpose') }),
    } },
  })

  test('escapes what Mermaid would read as syntax, and tells participants of one role apart', async () => {
    await using node = await createNode()
    const trace = new Trace()
    node.observe(trace.observe)
    const [one, two] = [node.client('a;b#c%%<br>'), node.client('end')]
    const engine = await node.spawn(odd, { name: 'note:over', acquaintances: [one.id] })
    await one.askRaw(engine, { type: 'OddRequest' })
    await expect(two.ask(engine, { type: 'OddRequest' })).rejects.toMatchObject({ code: 'not-acquainted' })
    const { participants, arrows } = new Diagram(trace.diagram(trace.take()))
    expect(Array.from(participants, ([id, [role, name]]) => [id, role, name])).toEqual([
      ['Client', 'Client', 'a;b#c%%<br>'], ['OddOneEngine', 'OddOneEngine', 'note:over'], ['Client2', 'Client', 'end'],
    ])
    expect(arrows).toEqual([
      ['Client', 'OddOneEngine', 'OddRequest'], ['OddOneEngine', 'Client', 'OddResponse (no)'], ['Client2', 'OddOneEngine', 'OddRequest (not-acquainted)'],
    ])
  })

  test('shows crashes and restarts, and no stop that was asked for', async () => {
    await using node = await createNode()
    const trace = new Trace()
    node.observe(trace.observe)
    const client = node.client('client')
    const spawnOdd = (name: string, crash: 'restart' | 'stop') => node.spawn(odd, { name, acquaintances: [client.id], supervision: { crash } })
    const [first, second] = [await spawnOdd('first', 'restart'), await spawnOdd('second', 'stop')]
    client.tell(first, { type: 'Crash' })
    await expect(client.ask(first, { type: 'OddRequest' })).rejects.toMatchObject({ code: 'no' })
    client.tell(first, { type: 'Stop' })
    client.tell(second, { type: 'Crash' })
    await expect(client.ask(second, { type: 'OddRequest' })).rejects.toMatchObject({ code: 'crashed' })
    const events = trace.take()
    expect(new Diagram(trace.diagram(events)).notes).toEqual([['OddOneEngine', 'Restarted'], ['OddOneEngine2', 'Crashed']])
    expect(trace.lines(events).filter(line => /ended|restarts/.test(line)).map(line => line.split(/\s+/))).toEqual([
      ['first', 'restarts', 'for', 'the', '1st', 'time'], ['first', 'ended', 'stopped'], ['second', 'ended', 'crashed'],
    ])
  })

  test('aligns its columns', async () => {
    await using node = await createNode()
    const trace = new Trace()
    node.observe(trace.observe)
    const client = node.client('client')
    const engine = await node.spawn(odd, { name: 'odd', acquaintances: [client.id] })
    await client.askRaw(engine, { type: 'OddRequest' })
    expect(trace.lines(trace.take())).toEqual([
      '(host) → odd    spawns         test/odd-one',
      'client → odd  OddRequest',
      'odd             on OddRequest',
      'odd → client  OddResponse      err: No, code: no',
    ])
  })
})
