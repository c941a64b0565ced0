import type { BackendName, Capabilities, Format } from '../../backends/backend.ts'
import type { Client } from '../../core/client.ts'
import { hasNames } from '../../core/engine-id.ts'
import type { EngineID, EngineRef, ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import type { MessageOf, SuccessOf } from '../../core/protocol.ts'
import type { CommitmentProtocol } from '../commitment/messages.ts'
import type { DecryptionProtocol } from '../decryption/messages.ts'
import type { IdentityManagementProtocol } from './messages.ts'

/** What can be done with an identity that can commit. */
export interface Commits {
  readonly commitmentEngine: EngineRef<CommitmentProtocol>
  /**
   * Signs at most 1 MiB; `verify` accepts the commitment for the identity. Rejects as `ask` does; refused with `backend-failed`,
   * `malformed` (no bytes), `too-large`. Fails with `not-acquainted` after a revoke, with `stopped` after a delete.
   */
  commit(data: Uint8Array): Promise<Uint8Array>
  /**
   * Signs each of at most 4,096, 16 MiB together, as `commit` does; answers in order. Natively, Ed25519, P-256 and ML-DSA-65 are
   * signed on all cores, the others on one. One that failed is `{ err, code }`. Rejects as `commit` does; with more, `malformed`.
   */
  commitBatch(data: readonly Uint8Array[]): Promise<CommitmentBatch>
}

/** For each of the data, in order, its commitment or why there is none. */
export type CommitmentBatch = SuccessOf<CommitmentProtocol, MessageOf<CommitmentProtocol, 'CommitmentBatchRequest'>>['commitments']

/** What can be done with an identity that can decrypt. */
export interface Decrypts {
  readonly decryptionEngine: EngineRef<DecryptionProtocol>
  /**
   * Decrypts what `encrypt` made for the identity. Rejects as `ask` does; refused with `malformed-ciphertext`, `decryption-failed`,
   * `backend-failed`, `malformed` (no bytes), `too-large`. Fails as `commit` does when revoked or deleted.
   */
  decrypt(ciphertext: Uint8Array): Promise<Uint8Array>
}

type Handles<C extends Capabilities> = [C] extends ['Commit'] ? Commits : [C] extends ['Decrypt'] ? Decrypts
  : [C] extends ['CommitAndDecrypt'] ? Commits & Decrypts : Partial<Commits & Decrypts>

/** An identity that was connected to. Holds EngineIDs and no keys. Its methods reject as `ask` does. */
export type Borrowed<C extends Capabilities> = { readonly externalIdentity: ExternalIdentity } & Handles<C>

/** What only the owner of an identity can do. Methods reject as `ask` does: with `not-found` from the start of a delete on. */
export interface Ownership {
  /**
   * Lets another connect with these capabilities, beside what it was granted before. Refused with `not-found`, `not-owner`,
   * `not-available` (the identity lacks them), `malformed`. Rejects with `invalid-argument` for a grantee that is none.
   */
  grant(grantee: Client | EngineID, capabilities: Capabilities): Promise<void>
  /**
   * Takes all back that was granted to it, for requests that already wait too. Revoking nothing succeeds. Refused with `not-found`,
   * `not-owner`, `not-granted` (the owner's own access), `malformed`. Rejects with `invalid-argument` for a grantee that is none.
   */
  revoke(grantee: Client | EngineID): Promise<void>
  /**
   * Erases the identity. Every handle to it is dead then. Refused with `not-found`, `not-owner`, `unknown-backend`, and with
   * `backend-failed`, which leaves the identity as it was, unless the backend erased it too late to be heard: delete again then.
   * Resolves with `undoUntil`, in milliseconds since the Unix epoch, where the backend only puts it away until then: see `undelete`.
   */
  delete(): Promise<{ readonly undoUntil?: number }>
}
/** An identity that its principal generated, with `grant`, `revoke` and `delete`. Holds EngineIDs and no keys. */
export type Owned<C extends Capabilities> = Borrowed<C> & Ownership

/** What to generate. */
export interface GenerateIdentity<C extends Capabilities> {
  /** The cryptosystem. */
  readonly params: 'Ed25519' | 'Secp256k1' | 'BLS' | 'P256' | 'MLDSA65'
  /** Where the keys live: `LocalMemory` unless told. */
  readonly backend?: BackendName
  /** `CommitAndDecrypt` unless told. */
  readonly capabilities?: C
  /** `framed` unless told. `raw` identities sign bare bytes, for other ecosystems' tokens and transactions, and are of no use as evidence here. */
  readonly format?: Format
  /** A name of yours for this attempt, 1 to 256 characters: with the same one you get the same identity. Used up once it succeeded. */
  readonly requestId?: string
}

/** A principal's view of an Identity Management engine. Its methods reject as `ask` does; what they are refused with is listed. */
export interface Identities {
  /**
   * Makes an identity that this principal owns. Refused with `unknown-backend`, `unknown-params`, `not-available` (capabilities, format),
   * `backend-failed`, `exists`, `malformed` (capabilities, requestId); for a `requestId` used before, with `request-conflict`
   * (for something else), `not-found` (deleted since), `engine-gone` (an engine of it has ended, or its keys are gone).
   */
  generate<C extends Capabilities = 'CommitAndDecrypt'>(options: GenerateIdentity<C>): Promise<Owned<C>>
  /**
   * Connects to one's own identity, or to one that was granted. `backend` is where it lives: `LocalMemory` unless told. If it is dormant, since
   * the engines were of an earlier process, it wakes. Refused with `not-found`, `not-available` (the identity lacks them), `not-granted`,
   * `engine-gone` (an engine has ended, or the backend has no keys of it any more), `unknown-backend`, `malformed`; while waking, with
   * `backend-failed`.
   */
  connect<C extends Capabilities>(identity: ExternalIdentity, capabilities: C, backend?: BackendName): Promise<Borrowed<C>>
  /** The principal's own identities, and those granted to it with what was granted, but for those being deleted. Never refused. */
  list(): Promise<readonly { readonly externalIdentity: ExternalIdentity; readonly backend: BackendName; readonly capabilities: Capabilities; readonly isOwner: boolean }[]>
  /** What only the owner of an identity can do: for one that an earlier process generated. Asks nothing of anybody; who does not own it is refused later. */
  ownership(identity: ExternalIdentity, backend?: BackendName): Ownership
  /**
   * Takes the delete of one's own identity back: it is there again with its grants, to be connected to. Refused with `not-found` (it is not
   * deleted, or can't be had back any more), `not-owner`, `unknown-backend`, `backend-failed`, `malformed`.
   */
  undelete(identity: ExternalIdentity, backend?: BackendName): Promise<void>
  /**
   * Becomes the owner of an identity that the backend holds and nobody owns here, as after its backup was restored, by the claim that the
   * backend gave out for it; and tells what it is capable of. Harmless for one's own. Refused with `exists` (it is another's), `not-found`
   * (no such identity, another claim, or it is deleted), `unknown-backend`, `backend-failed`, `malformed`, `too-large`.
   */
  adopt(identity: ExternalIdentity, claim: Uint8Array, backend?: BackendName): Promise<{ readonly capabilities: Capabilities }>
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
  async generate({ params, backend = LOCAL_MEMORY, capabilities = 'CommitAndDecrypt', format, requestId }: GenerateIdentity<Capabilities>): Promise<object> {
    const made = await this.#client.ask(this.#im, {
      type: 'GenerateIdentityRequest', backend, params, capabilities, ...format && { format }, ...requestId === undefined ? {} : { requestId },
    })
    return { ...this.#handles(made.externalIdentity, made), ...this.#ownership(made.externalIdentity, backend) }
  }

  connect<C extends Capabilities>(identity: ExternalIdentity, capabilities: C, backend?: BackendName): Promise<Borrowed<C>>
  async connect(externalIdentity: ExternalIdentity, capabilities: Capabilities, backend: BackendName = LOCAL_MEMORY): Promise<object> {
    return this.#handles(externalIdentity, await this.#client.ask(this.#im, { type: 'ConnectIdentityRequest', externalIdentity, backend, capabilities }))
  }

  ownership(externalIdentity: ExternalIdentity, backend: BackendName = LOCAL_MEMORY): Ownership {
    return this.#ownership(externalIdentity, backend)
  }

  async list() {
    return (await this.#client.ask(this.#im, { type: 'ListIdentitiesRequest' })).identities
  }

  async undelete(externalIdentity: ExternalIdentity, backend: BackendName = LOCAL_MEMORY) {
    await this.#client.ask(this.#im, { type: 'UndeleteIdentityRequest', externalIdentity, backend })
  }

  adopt(externalIdentity: ExternalIdentity, claim: Uint8Array, backend: BackendName = LOCAL_MEMORY) {
    return this.#client.ask(this.#im, { type: 'AdoptIdentityRequest', externalIdentity, backend, claim })
  }

  #handles(externalIdentity: ExternalIdentity, { commitmentEngine, decryptionEngine }: Partial<Engines>): object {
    const client = this.#client
    return {
      externalIdentity,
      ...commitmentEngine && {
        commitmentEngine,
        commit: async (data: Uint8Array) => (await client.ask(commitmentEngine, { type: 'CommitmentRequest', data })).commitment,
        commitBatch: async (data: readonly Uint8Array[]) => (await client.ask(commitmentEngine, { type: 'CommitmentBatchRequest', data })).commitments,
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
      delete: () => client.ask(im, { type: 'DeleteIdentityRequest', externalIdentity, backend }),
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
