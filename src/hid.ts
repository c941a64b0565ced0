import { NodeHid } from './backends/hid/node/node-hid.ts'
import { TerminalPrompt } from './backends/hid/node/terminal-prompt.ts'
import { openSecurityKeys } from './backends/hid/opening.ts'
import type { Hid } from './backends/hid/opening.ts'
import type { HidDevices } from './backends/hid/hid.ts'
import type { Prompt } from './backends/hid/prompt.ts'
import { randomBytes } from './crypto/random.ts'
import type { Node } from './runtime/node.ts'
import { platformHost } from './runtime/platform.ts'
import { MemoryStore } from './stores/memory/memory-store.ts'
import type { Store } from './stores/store.ts'

// What `ipse/backends/hid` exports: for Node.js alone. `xstate` is a peer dependency: `npm install xstate node-hid` beside ipse.

export interface HidOptions {
  /** Where it is kept which identities there are, and their wrapped keys: nothing secret. In memory unless told, and then they end with the process, but for what devices keep. */
  readonly store?: Store
  /** {@link nodeHid} unless told. */
  readonly devices?: HidDevices
  /** {@link terminalPrompt} unless told. */
  readonly prompt?: Prompt
  /** The id of the relying party that credentials are made for: `ipse:identities` unless told. No page can ask for those. */
  readonly relyingParty?: string
  /** Whether the device has to verify who it is that commits, by PIN or by itself: true unless told. To decrypt, it always does. */
  readonly userVerification?: boolean
  /** Whether devices keep the credentials that they make, and list them: false unless told. */
  readonly resident?: boolean
  /** How many milliseconds a person has, each time they are asked: 60,000 unless told. The deadlines of those who ask must be longer. */
  readonly patience?: number
  /** The name of the engine: `security-key` unless told. */
  readonly name?: string
}

/**
 * FIDO2 devices as a backend for identities. Spawns the engine that orders what is wanted of them on that node. No device needs to be there. Rejects with `name-taken`,
 * `invalid-argument`, `start-failed`, `node-stopped`.
 */
export function openHid(node: Node, options: HidOptions = {}): Promise<Hid> {
  const { store = new MemoryStore(), devices = nodeHid(), prompt = terminalPrompt(), relyingParty = 'ipse:identities', userVerification = true, resident = false, patience = 60_000, name = 'security-key' } = options
  return openSecurityKeys(node, { store, devices, prompt, relyingParty, userVerification, resident, patience, name, random: randomBytes, clock: platformHost() })
}

/** The FIDO devices of this machine, through npm's `node-hid`, which needs Debian's libusb-1.0-0. It is loaded when it is first needed. */
export function nodeHid(): HidDevices {
  return new NodeHid()
}

/** Asks at this process's terminal. A PIN is not shown while it is typed. */
export function terminalPrompt(): Prompt {
  return new TerminalPrompt()
}

export type { EnrolledCredential } from './backends/credential/enrolled.ts'
export type { Hid }
export type { DeviceInfo, ResidentCredential } from './backends/hid/management.ts'
export type { HidConnection, HidDevice, HidDevices, HidListener } from './backends/hid/hid.ts'
export type { Asked, ChoiceAsked, DataSummary, DeviceAsked, PinAsked, Prompt, Purpose, Shown } from './backends/hid/prompt.ts'
export { securityKeyProtocol } from './backends/hid/security-key/messages.ts'
export type { KeyState, SecurityKeyProtocol } from './backends/hid/security-key/messages.ts'
