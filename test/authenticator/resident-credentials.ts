import { randomBytes } from 'node:crypto'
import { Credential, sha256 } from './credential.ts'
import type { CredentialParts } from './credential.ts'
import { Refusal } from './status.ts'

export interface RelyingParty {
  readonly id: string
  readonly name: string | undefined
}

export interface User {
  readonly id: Uint8Array
  readonly name: string | undefined
  readonly displayName: string | undefined
}

/** A discoverable credential: one that is stored, with whom it is for. */
export interface Resident {
  readonly credential: Credential
  readonly relyingParty: RelyingParty
  readonly user: User
}

/** What is stored, the oldest first. */
export class ResidentCredentials {
  readonly capacity: number
  #all: readonly Resident[] = []

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get count(): number {
    return this.#all.length
  }

  get remaining(): number {
    return this.capacity - this.#all.length
  }

  /** A new one replaces that of the same user at the same relying party. */
  create(relyingParty: RelyingParty, user: User, parts: CredentialParts): Credential {
    const others = this.#all.filter(each => each.relyingParty.id !== relyingParty.id || !isSame(each.user.id, user.id))
    if (others.length >= this.capacity) throw new Refusal('KEY_STORE_FULL')
    const credential = new Credential(randomBytes(32), parts)
    this.#all = [...others, { credential, relyingParty, user }]
    return credential
  }

  find(id: Uint8Array): Resident | undefined {
    return this.#all.find(({ credential }) => isSame(credential.id, id))
  }

  /** The newest first. */
  of(relyingPartyHash: Uint8Array): readonly Resident[] {
    return this.#all.filter(({ relyingParty }) => isSame(sha256(relyingParty.id), relyingPartyHash)).toReversed()
  }

  relyingParties(): readonly RelyingParty[] {
    return Array.from(new Map(this.#all.map(({ relyingParty }) => [relyingParty.id, relyingParty])).values())
  }

  delete(resident: Resident): void {
    this.#all = this.#all.filter(each => each !== resident)
  }

  update(resident: Resident, user: User): void {
    this.#all = this.#all.map(each => each === resident ? { ...each, user } : each)
  }

  clear(): void {
    this.#all = []
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
