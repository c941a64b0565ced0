// XState machines as engines. `xstate` is a peer dependency: `npm install xstate` beside ipse.

export { defineMachineEngine } from './xstate/engine.ts'
export { hostedAction, hostedTask } from './xstate/placeholders.ts'
export type { ActionEffect, ActionEffects, ActionScene, Hosted, MachineDefinition, MachineFamily, MachineTasks } from './xstate/family.ts'
