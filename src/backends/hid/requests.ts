import type { Client } from '../../core/client.ts'
import type { EngineRef } from '../../core/engine-id.ts'
import { Fault, Refused } from '../../core/errors.ts'
import type { Ceremonies } from './ceremonies.ts'
import { OUTCOME_CODES } from './ceremony.ts'
import type { Ceremony } from './ceremony.ts'
import type { SecurityKeyProtocol } from './security-key/messages.ts'

export interface RequestsOptions {
  readonly client: Client
  readonly engine: EngineRef<SecurityKeyProtocol>
  readonly ceremonies: Ceremonies
  /** Milliseconds after which the engine has answered, whatever the devices do. */
  readonly deadline: number
}

/** Has ceremonies performed: the engine is asked by their names, and what they answer comes straight from them. */
export class Requests {
  readonly #options: RequestsOptions

  constructor(options: RequestsOptions) {
    this.#options = options
  }

  /**
   * What the ceremony answered. When `signal` aborts, it is told to end, and this settles when it has: with what it answered, if it was too late for that. Rejects with its
   * own fault, and with those of the engine: `device-absent`, `device-busy`, `unanswered`, `denied`, `pin-locked`, `backend-failed`.
   */
  async perform<T>(ceremony: Ceremony<T>, signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw new Fault('backend-failed', 'Whoever asked for this waits no more')
    const { client, engine, ceremonies, deadline } = this.#options
    const { id, result } = ceremonies.add(ceremony)
    const cancel = () => {
      try {
        client.tell(engine, { type: 'Cancel', ceremony: id })
      } catch {
        // The engine ended meanwhile, and with it this request. What an event's listener throws would end the process.
      }
    }
    signal.addEventListener('abort', cancel, { once: true })
    const failure = await client.ask(engine, { type: 'PerformRequest', ceremony: id }, { deadline }).then(() => undefined, (error: unknown) => error)
    signal.removeEventListener('abort', cancel)
    await ceremonies.drop(id)
    // It may have come to something before the engine ended.
    return result.catch((cause: unknown) => { throw faultFrom(failure, cause) })
  }
}

/** What the engine said counts: of a ceremony that never began, it alone knows why. */
function faultFrom(error: unknown, cause: unknown): Fault {
  if (!(error instanceof Refused)) return new Fault('backend-failed', 'The engine of the security keys did not answer: see the cause', { cause: error })
  const code = OUTCOME_CODES.find(known => known === error.code)
  return new Fault(code === undefined || code === 'aborted' ? 'backend-failed' : code, error.message, { cause })
}
