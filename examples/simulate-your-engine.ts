import assert from 'node:assert/strict'
import { z } from 'zod'
import { always, defineEngine, defineProtocol, exchange, keep, reply, request, update } from '../src/index.ts'
import type { Ask, EngineRef, ProtocolOf, ReplyTo, ResponseOf } from '../src/index.ts'
import { explore } from '../src/simulation.ts'
import type { Scenario } from '../src/simulation.ts'
import type { Context } from './context.ts'

// ── two engines of our own: an account, which has each deposit approved by an auditor ────────────────────────────
const auditorProtocol = defineProtocol({ id: 'example/auditor', version: 1, codes: [], requests: { ApproveRequest: exchange({ amount: z.number() }, {}) }, tells: {} })
interface AuditorProtocol extends ProtocolOf<typeof auditorProtocol> {}
const nothing = z.strictObject({})
interface Auditor { protocol: AuditorProtocol; config: typeof nothing; environment: object }
const auditor = defineEngine<Auditor>({
  protocol: auditorProtocol, config: nothing, environment: () => ({}), open: true,
  behaviour: { messages: { ApproveRequest: always(function approve() { return reply({}) }) } },
})

const accountProtocol = defineProtocol({
  id: 'example/account', version: 1, codes: [],
  requests: { DepositRequest: exchange({ amount: z.number() }, {}), BalanceRequest: exchange({}, { balance: z.number() }) }, tells: {},
})
interface AccountProtocol extends ProtocolOf<typeof accountProtocol> {}
const accountConfig = z.strictObject({ auditor: z.custom<EngineRef<AuditorProtocol>>() })
interface Deposit { readonly balance: number; readonly replyTo: ReplyTo<ResponseOf<AccountProtocol, 'DepositRequest'>> }
interface Account {
  protocol: AccountProtocol
  config: typeof accountConfig
  environment: { readonly balance: number; readonly waiting: readonly Deposit[] }
  asks: { approve: Ask<AuditorProtocol, 'ApproveRequest'> }
}

/** The defect: the new balance is worked out before the auditor is asked, and is out of date when the answer comes. */
function accountOf(isDefective: boolean) {
  return defineEngine<Account>({
    protocol: accountProtocol, config: accountConfig, environment: () => ({ balance: 0, waiting: [] }), open: true,
    behaviour: {
      messages: {
        DepositRequest: always(function deposit({ msg: { amount }, replyTo }, config, { balance, waiting }) {
          return [
            keep(replyTo), request(config.auditor, { type: 'ApproveRequest', amount }, { key: `approve/${replyTo.id}` }),
            update({ balance, waiting: [...waiting, { balance: isDefective ? balance + amount : amount, replyTo }] }),
          ]
        }),
        BalanceRequest: always(function tellBalance(_asked, _config, { balance }) { return reply({ balance }) }),
      },
      answers: {
        approve: always(function book({ key }, _config, { balance, waiting }) {
          const deposit = waiting.find(({ replyTo }) => key === `approve/${replyTo.id}`)
          if (deposit === undefined) return undefined
          return [
            reply({}, { to: deposit.replyTo }),
            update({ balance: isDefective ? deposit.balance : balance + deposit.balance, waiting: waiting.filter(other => other !== deposit) }),
          ]
        }),
      },
    },
  })
}

// ── what is tried: deposits, some at once, and a look at the balance ─────────────────────────────────────────────
type Operation = { readonly deposit: number } | { readonly wait: number }

function scenarioOf(account: ReturnType<typeof accountOf>): Scenario<Operation> {
  return {
    plan: choose => Array.from({ length: 10 }, () => choose(3) === 0 ? { wait: 1 + choose(5) } : { deposit: 1 + choose(9) }),
    async perform(simulation, operations) {
      const node = simulation.createNode()
      const approving = await node.spawn(auditor, { name: 'auditor' })
      const engine = await node.spawn(account, { name: 'account', config: { auditor: approving } })
      const client = node.client('client')
      const deposits: Promise<object>[] = []
      let sum = 0
      for (const operation of operations) {
        if ('wait' in operation) {
          await simulation.sleep(operation.wait)
        } else {
          sum += operation.deposit
          deposits.push(client.ask(engine, { type: 'DepositRequest', amount: operation.deposit }))
        }
      }
      await Promise.all(deposits)
      const { balance } = await client.ask(engine, { type: 'BalanceRequest' })
      if (balance !== sum) throw new Error(`${sum} was deposited, and the balance is ${balance}`)
    },
  }
}

export async function simulateYourEngine({ node, print, sequence }: Context): Promise<void> {
  const { finding } = await explore({ seed: 1, runs: 100, ...scenarioOf(accountOf(true)) })
  assert(finding !== undefined)
  print(`Seed ${finding.seed} finds it: ${finding.smallError instanceof Error ? finding.smallError.message : ''}`)
  print(`What it takes: ${finding.operations.map(operation => JSON.stringify(operation)).join(' ')}`)
  for (const line of finding.transcript) print(`  ${line}`)

  const { runs, finding: nothingFound } = await explore({ seed: 1, runs: 100, ...scenarioOf(accountOf(false)) })
  assert.equal(nothingFound, undefined)
  print(`Mended, ${runs} schedules find nothing.`)

  const approving = await node.spawn(auditor, { name: 'auditor' })
  const account = await node.spawn(accountOf(false), { name: 'account', config: { auditor: approving } })
  const client = node.client('client')
  await sequence('Two deposits at once', async () => {
    await Promise.all([1, 2].map(amount => client.ask(account, { type: 'DepositRequest', amount })))
    assert.deepEqual(await client.ask(account, { type: 'BalanceRequest' }), { balance: 3 })
  })
}
