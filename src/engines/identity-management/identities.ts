import type { BackendName, Capabilities } from '../../backends/backend.ts'
import type { Client } from '../../core/client.ts'
import { hasNames } from '../../core/engine-id.ts'
import type { EngineID, EngineRef, ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import type { CommitmentProtocol } from '../commitment/messages.ts'
import type { DecryptionProtocol } from '../decryption/messages.ts'
import type { IdentityManagementProtocol } from './messages.ts'

/** What can be done with an identity that can commit. */
export interface Commits {
  readonly commitmentEngine: EngineRef<CommitmentProtocol>
  /** Signs `data`; `verify` accepts the commitment for the identity. */
  commit(data: Uint8Array): Promise<Uint8Array>
}

/** What can be done with an identity that can decrypt. */
export interface Decrypts {
  readonly decryptionEngine: EngineRef<DecryptionProtocol>
  /** Decrypts what `encrypt` made for the identity. */
  decrypt(ciphertext: Uint8Array): Promise<Uint8Array>
}

type Handles<C extends Capabilities> = [C] extends ['Commit'] ? Commits : [C] extends ['Decrypt'] ? Decrypts
  : [C] extends ['CommitAndDecrypt'] ? Commits & Decrypts : Partial<Commits & Decrypts>

/** An identity that was connected to. Holds EngineIDs and no keys. Its methods reject as `ask` does. */
export type Borrowed<C extends Capabilities> = { readonly externalIdentity: ExternalIdentity } & Handles<C>

/** What only the owner of an identity can do. */
export interface Ownership {
  /** Lets another connect with these capabilities, beside what it was granted before. */
  grant(grantee: Client | EngineID, capabilities: Capabilities): Promise<void>
  /** Takes all back that was granted to it. */
  revoke(grantee: Client | EngineID): Promise<void>
  /** Erases the identity. Every handle to it is dead then. */
  delete(): Promise<void>
}
export type Owned<C extends Capabilities> = Borrowed<C> & Ownership

/** What to generate. */
export interface GenerateIdentity<C extends Capabilities> {
  /** The cryptosystem. */
  readonly params: 'Ed25519' | 'Secp256k1' | 'BLS'
  /** Where the keys live: `LocalMemory` unless told. */
  readonly backend?: BackendName
  /** `CommitAndDecrypt` unless told. */
  readonly capabilities?: C
  /** A name of yours for this attempt: with the same one you get the same identity. */
  readonly requestId?: string
}

/** A principal's view of an Identity Management engine. */
export interface Identities {
  generate<C extends Capabilities = 'CommitAndDecrypt'>(options: GenerateIdentity<C>): Promise<Owned<C>>
  connect<C extends Capabilities>(identity: ExternalIdentity, capabilities: C, backend?: BackendName): Promise<Borrowed<C>>
  /** The principal's own identities, and those granted to it. */
  list(): Promise<readonly { readonly externalIdentity: ExternalIdentity; readonly backend: BackendName; readonly capabilities: Capabilities; readonly isOwner: boolean }[]>
}

const LOCAL_MEMORY: BackendName = { type: 'LocalMemory' }

/** A façade over the messages of Identity Management, Commitment and Decryption: it holds nothing but EngineIDs. */
export function identities(client: Client, im: EngineRef<IdentityManagementProtocol>): Identities {
  return new IdentitiesOf(client, im)
}

class IdentitiesOf implements Identities {
  readonly #client: Client
  readonly #im: EngineRef<IdentityManagementProtocol>

  constructor(client: Client, im: EngineRef<IdentityManagementProtocol>) {
    this.#client = client
    this.#im = im
  }

  generate<C extends Capabilities = 'CommitAndDecrypt'>(options: GenerateIdentity<C>): Promise<Owned<C>>
  async generate({ params, backend = LOCAL_MEMORY, capabilities = 'CommitAndDecrypt', requestId }: GenerateIdentity<Capabilities>): Promise<object> {
    const made = await this.#client.ask(this.#im, {
      type: 'GenerateIdentityRequest', backend, params, capabilities, ...requestId === undefined ? {} : { requestId },
    })
    return { ...this.#handles(made.externalIdentity, made), ...this.#ownership(made.externalIdentity, backend) }
  }

  connect<C extends Capabilities>(identity: ExternalIdentity, capabilities: C, backend?: BackendName): Promise<Borrowed<C>>
  async connect(externalIdentity: ExternalIdentity, capabilities: Capabilities, backend: BackendName = LOCAL_MEMORY): Promise<object> {
    return this.#handles(externalIdentity, await this.#client.ask(this.#im, { type: 'ConnectIdentityRequest', externalIdentity, backend, capabilities }))
  }

  async list() {
    return (await this.#client.ask(this.#im, { type: 'ListIdentitiesRequest' })).identities
  }

  #handles(externalIdentity: ExternalIdentity, { commitmentEngine, decryptionEngine }: Partial<Engines>): object {
    const client = this.#client
    return {
      externalIdentity,
      ...commitmentEngine && {
        commitmentEngine,
        commit: async (data: Uint8Array) => (await client.ask(commitmentEngine, { type: 'CommitmentRequest', data })).commitment,
      },
      ...decryptionEngine && {
        decryptionEngine,
        decrypt: async (data: Uint8Array) => (await client.ask(decryptionEngine, { type: 'DecryptionRequest', data })).data,
      },
    }
  }

  #ownership(externalIdentity: ExternalIdentity, backend: BackendName): Ownership {
    const client = this.#client
    const im = this.#im
    return {
      async grant(grantee, capabilities) {
        await client.ask(im, { type: 'GrantIdentityRequest', externalIdentity, grantee: engineIDOf(grantee), capabilities })
      },
      async revoke(grantee) {
        await client.ask(im, { type: 'RevokeIdentityRequest', externalIdentity, grantee: engineIDOf(grantee) })
      },
      async delete() {
        await client.ask(im, { type: 'DeleteIdentityRequest', externalIdentity, backend })
      },
    }
  }
}

interface Engines {
  readonly commitmentEngine: EngineRef<CommitmentProtocol>
  readonly decryptionEngine: EngineRef<DecryptionProtocol>
}

function engineIDOf(grantee: Client | EngineID): EngineID {
  const id = typeof grantee === 'object' && grantee !== null && 'id' in grantee ? grantee.id : grantee
  if (hasNames(id)) return id
  throw new Fault('invalid-argument', 'A grantee must be a client or an EngineID: { node, name }')
}
