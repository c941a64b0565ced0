/** A defect that is planted in the library, to see whether it is found. */
export interface Mutant {
  readonly name: string
  /** The file, from the project's folder. */
  readonly file: string
  /** What stands there, exactly once. */
  readonly find: string
  /** What stands there instead. Types are not looked at. */
  readonly replace: string
  /** In so many schedules it is found. */
  readonly within: number
}

/** Defects that such libraries have had. Each must be found: one that is not asks for a better scenario, not for more schedules. */
export const mutants: readonly Mutant[] = [
  // ── mailboxes and scheduling ───────────────────────────────────────────────────────────────────────────────────
  {
    name: 'lost wake-up', file: 'src/runtime/scheduler.ts', within: 20,
    find: 'if (canStep(instance)) this.add(instance)',
    replace: 'if (canStep(instance) && (instance.status === \'spawned\' || !instance.mailbox(0).isEmpty)) this.add(instance)',
  },
  {
    name: 'reordered mailbox', file: 'src/runtime/delivery.ts', within: 20,
    find: 'mailbox.push(envelope)',
    replace: 'if (mailbox.held === 3) mailbox.unshift(envelope); else mailbox.push(envelope)',
  },
  {
    name: 'one message in sixteen is lost', file: 'src/runtime/delivery.ts', within: 20,
    find: 'mailbox.push(envelope)',
    replace: 'if (this.counters.originated % 16 !== 0) mailbox.push(envelope)',
  },
  {
    name: 'a low mailbox starves', file: 'src/runtime/mailbox.ts', within: 100,
    find: '>= MAILBOX_LIMIT - (count - 1)',
    replace: '>= Infinity',
  },
  {
    name: 'overflow blames the wrong message', file: 'src/runtime/delivery.ts', within: 20,
    find: "const lost = overflow === 'drop-oldest' ? mailbox.dropOldest() : envelope",
    replace: "const lost = overflow !== 'drop-newest' ? mailbox.dropOldest() : envelope",
  },
  {
    name: 'what is deferred takes no room', file: 'src/runtime/mailbox.ts', within: 100,
    find: 'this.held++\n    this.#aside ??= new Aside()',
    replace: 'this.#aside ??= new Aside()',
  },
  {
    name: 'what was released comes in the wrong order', file: 'src/runtime/mailbox.ts', within: 100,
    find: 'return a.place < b.place',
    replace: 'return a.place > b.place',
  },
  // ── steps ──────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'effects before commit', file: 'src/runtime/steps.ts', within: 100,
    find: 'const error = located(thrown, rules)\n      plan.clear()',
    replace: 'const error = located(thrown, rules)\n      for (const message of plan.messages) if (message instanceof Envelope) this.#delivery.tell(message)\n      plan.clear()',
  },
  {
    name: 'observer that sees an uncommitted step', file: 'src/runtime/steps.ts', within: 20,
    find: 'const error = located(thrown, rules)\n      plan.clear()',
    replace: "const error = located(thrown, rules)\n      this.#observation.note(this.#scheduler.now(), { kind: 'step', engine: instance.id, on, trigger: name, rules: [] })\n      plan.clear()",
  },
  {
    name: 'sender taken from the message', file: 'src/runtime/steps.ts', within: 5,
    find: 'const { pending, sender, msg, mailbox, entry } = envelope',
    replace: 'const { pending, msg, mailbox, entry } = envelope\n    const sender = msg.sender ?? envelope.sender',
  },
  {
    name: 'revoke that spares what waits', file: 'src/runtime/steps.ts', within: 400,
    find: 'if (!instance.knows(envelope.from)) {',
    replace: 'if (false) {',
  },
  {
    name: 'timer heard after it was cancelled', file: 'src/runtime/steps.ts', within: 100,
    find: 'if (timers?.get(handle) !== body.timer) return',
    replace: '',
  },
  {
    name: 'outcome of a task behind the messages', file: 'src/runtime/tasks.ts', within: 20,
    find: "this.#delivery.signal(run.engine, { on: 'outcome', run }, true)",
    replace: "this.#delivery.signal(run.engine, { on: 'outcome', run })",
  },
  {
    name: 'request answered twice', file: 'src/runtime/delivery.ts', within: 100,
    find: 'this.close(pending)\n    const { asker } = pending\n    if (this.#freeze)',
    replace: 'this.#deadlines.cancel(pending)\n    const { asker } = pending\n    if (this.#freeze)',
  },
  {
    name: 'crash that leaves the children', file: 'src/runtime/lifecycle.ts', within: 50,
    find: "for (const child of instance.affairs.children ?? []) this.stop(child, isForgotten || instance.status === 'restarting')",
    replace: "if (instance.status !== 'restarting') for (const child of instance.affairs.children ?? []) this.stop(child, isForgotten)",
  },
  {
    name: 'timer that survives a restart', file: 'src/runtime/lifecycle.ts', within: 100,
    find: 'for (const timer of instance.affairs.timers?.values() ?? []) this.#deadlines.cancel(timer)\n    instance.own.timers = undefined',
    replace: '',
  },
  {
    name: 'restart budget shared by siblings', file: 'src/runtime/restart.ts', within: 60,
    find: 'const times = instance.affairs.restartTimes',
    replace: 'const times = [...instance.parent?.affairs.children ?? [instance]].flatMap(child => child.affairs.restartTimes ?? [])',
  },
  {
    name: 'restart that never gives up', file: 'src/runtime/restart.ts', within: 100,
    find: 'if (times.length >= restarts) return { crash: exhausted }',
    replace: '',
  },
  // ── between nodes ──────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'lost frame that nothing came after', file: 'src/runtime/session.ts', within: 200,
    find: "if (this.#unacknowledged.length === 0) this.waitFor('acknowledge a frame')",
    replace: '',
  },
  {
    name: 'frame that comes twice is heard twice', file: 'src/runtime/session.ts', within: 100,
    find: 'if (frame.n <= this.#lastHeard) return',
    replace: '',
  },
  // ── identities ─────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'capability widened on connect', file: 'src/engines/identity-management/access.ts', within: 200,
    find: 'if (granted !== undefined && includes(granted, msg.capabilities)) return undefined',
    replace: 'if (granted !== undefined) return undefined',
  },
  {
    name: 'grant that takes the place of the one before', file: 'src/engines/identity-management/access.ts', within: 400,
    find: 'grants.set(key, union(identity.grants.get(key), msg.capabilities))',
    replace: 'grants.set(key, msg.capabilities)',
  },
  {
    name: 'delete racing connect', file: 'src/engines/identity-management/environment.ts', within: 100,
    find: 'if (identity?.deletion?.life === life) return undefined',
    replace: 'if (identity === undefined) return undefined',
  },
  {
    name: 'revoke that forgets the second engine', file: 'src/engines/identity-management/access.ts', within: 600,
    find: '...enginesIn(awakeEngines(environment, identity)).map(engine => revoke(engine, grantee))',
    replace: '...enginesIn(awakeEngines(environment, identity)).slice(0, 1).map(engine => revoke(engine, grantee))',
  },
  {
    name: 'delete by anyone', file: 'src/engines/identity-management/deletion.ts', within: 100,
    find: "return sameEngine(identity.owner, sender) ? undefined : refuse('not-owner', 'Not the owner: only the owner of an identity deletes it')",
    replace: 'return undefined',
  },
  {
    name: 'delete that failed and is not undone', file: 'src/engines/identity-management/deletion.ts', within: 100,
    find: 'changed(environment, name, { deletion: null })',
    replace: 'changed(environment, name, {})',
  },
  {
    name: 'engines that outlive their identity', file: 'src/engines/identity-management/deletion.ts', within: 50,
    find: '...engines.map(engine => stop(engine)),',
    replace: '',
  },
  {
    name: 'identity that came too late and stays', file: 'src/engines/identity-management/generation.ts', within: 300,
    find: "if (signal.aborted) throw new Fault('backend-failed', 'The backend answered too late')",
    replace: "signal.removeEventListener('abort', discard)",
  },
  {
    name: 'requestId that all askers share', file: 'src/engines/identity-management/environment.ts', within: 100,
    find: 'return `${formatEngineID(asker)} ${requestId}`',
    replace: 'return requestId',
  },
  {
    name: 'asker forgotten while an attempt is under way', file: 'src/engines/identity-management/generation.ts', within: 600,
    find: '{ ...attempt, waiting: attempt.waiting.set(`${replyTo.id}`, replyTo) }',
    replace: '{ ...attempt }',
  },
]
