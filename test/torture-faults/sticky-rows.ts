import type { Change } from '../../src/index.ts'
import type { Faults } from '../../torture/world.ts'

/** A store that does not remove the messages that a durable engine has handled. */
export const faults: Faults = {
  store: store => ({
    capabilities: { persistent: true, compacts: false },
    get: key => store.get(key),
    range: range => store.range(range),
    write: changes => store.write(changes.filter(change => !isHandled(change))),
    close: () => store.close(),
  }),
}

/** Of a key of "engine", the engine's name, "message" and a number. */
function isHandled({ key, value }: Change): boolean {
  return value === undefined && new TextDecoder().decode(key).split('\u0000\u0001')[2] === 'message'
}
