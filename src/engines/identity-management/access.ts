import { includes, sameBackend } from '../../backends/backend.ts'
import type { Capabilities } from '../../backends/backend.ts'
import { grant, reply, revoke, update } from '../../core/effect.ts'
import { sameEngine } from '../../core/engine-id.ts'
import type { EngineID, ExternalIdentity } from '../../core/engine-id.ts'
import { refuse } from '../../core/protocol.ts'
import { enginesOf, granteeKey } from './environment.ts'
import type { Identity, IdentityManagementEnvironment } from './environment.ts'
import type { Answer, AskedFor, Config, IdentityRefusal } from './family.ts'

// Checks are guards that hold when something is wrong, and answer the refusal.

type Environment = IdentityManagementEnvironment
type Connect = AskedFor<'ConnectIdentityRequest'>
type Grant = AskedFor<'GrantIdentityRequest'>
type Revoke = AskedFor<'RevokeIdentityRequest'>

/** The identity of that name, unless it is being deleted. Its bundle may be left out, but not be another. */
export function liveIdentity({ identities }: Environment, { name, bundle }: ExternalIdentity): Identity | undefined {
  const identity = identities.get(name)
  if (identity?.isDeleting !== false) return undefined
  return bundle === undefined || isSame(bundle, identity.externalIdentity.bundle) ? identity : undefined
}

function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, i) => byte === b[i])
}

// ── connecting ───────────────────────────────────────────────────────────────────────────────────────────────────

export function checkExternalIdentity({ msg }: Connect, _config: Config, environment: Environment): IdentityRefusal | undefined {
  const identity = liveIdentity(environment, msg.externalIdentity)
  return identity !== undefined && sameBackend(identity.backend, msg.backend) ? undefined
    : refuse('not-found', 'External identity not found: no such identity lives on this backend')
}

export function verifyCapabilities({ msg, sender }: Connect, _config: Config, environment: Environment): IdentityRefusal | undefined {
  const identity = liveIdentity(environment, msg.externalIdentity)
  if (identity === undefined) return undefined
  if (!includes(identity.capabilities, msg.capabilities)) {
    return refuse('not-available', `Capabilities not available: this identity's are ${identity.capabilities}`)
  }
  const granted = sameEngine(identity.owner, sender) ? identity.capabilities : identity.grants.get(granteeKey(sender))
  if (granted !== undefined && includes(granted, msg.capabilities)) return undefined
  return refuse('not-granted', `Capabilities not available: ${granted === undefined ? 'nothing was' : `only ${granted} was`} granted to this requester`)
}

/** The engines that were asked for; connecting again changes nothing. */
export function copyEngineReferences({ msg, sender }: Connect, _config: Config, environment: Environment): Answer<'ConnectIdentityRequest'> {
  const { commitmentEngine, decryptionEngine } = environment.identities.get(msg.externalIdentity.name) ?? {}
  switch (msg.capabilities) {
    case 'Commit':
      return commitmentEngine ? [reply({ commitmentEngine }), grant(commitmentEngine, sender)] : engineGone()
    case 'Decrypt':
      return decryptionEngine ? [reply({ decryptionEngine }), grant(decryptionEngine, sender)] : engineGone()
    case 'CommitAndDecrypt':
      return commitmentEngine && decryptionEngine
        ? [reply({ commitmentEngine, decryptionEngine }), grant(commitmentEngine, sender), grant(decryptionEngine, sender)]
        : engineGone()
  }
}

function engineGone() {
  return reply<IdentityRefusal>(refuse('engine-gone', 'Engine gone: an engine of this identity has ended. Its owner can delete it, and generate another'))
}

// ── sharing ──────────────────────────────────────────────────────────────────────────────────────────────────────

export function checkOwner({ msg, sender }: Grant | Revoke, _config: Config, environment: Environment): IdentityRefusal | undefined {
  const identity = liveIdentity(environment, msg.externalIdentity)
  if (identity === undefined) return refuse('not-found', 'External identity not found')
  return sameEngine(identity.owner, sender) ? undefined : refuse('not-owner', 'Not the owner: only the owner of an identity grants and revokes')
}

export function checkGrant({ msg }: Grant, _config: Config, environment: Environment): IdentityRefusal | undefined {
  const identity = liveIdentity(environment, msg.externalIdentity)
  return identity === undefined || includes(identity.capabilities, msg.capabilities) ? undefined
    : refuse('not-available', `Capabilities not available: this identity's are ${identity.capabilities}`)
}

/** Grants add up. The owner has all there is, so that granting it something changes nothing. */
export function grantIdentity({ msg, sender, self }: Grant, _config: Config, environment: Environment): Answer<'GrantIdentityRequest'> {
  const { identities } = environment
  const identity = identities.get(msg.externalIdentity.name)
  const grantee = granteeOf(msg, self)
  if (identity === undefined || sameEngine(grantee, sender)) return reply({})
  const key = granteeKey(grantee)
  const grants = identity.grants.set(key, union(identity.grants.get(key), msg.capabilities))
  return [reply({}), update<Environment>({ ...environment, identities: identities.set(identity.externalIdentity.name, { ...identity, grants }) })]
}

export function checkGrantee({ msg, sender, self }: Revoke): IdentityRefusal | undefined {
  return sameEngine(granteeOf(msg, self), sender) ? refuse('not-granted', "Not granted: an owner's own access was not granted, and can't be revoked") : undefined
}

/** Ends the grant and the access to both engines, also for requests that already wait there. Revoking nothing succeeds. */
export function revokeIdentity({ msg, self }: Revoke, _config: Config, environment: Environment): Answer<'RevokeIdentityRequest'> {
  const { identities } = environment
  const identity = identities.get(msg.externalIdentity.name)
  if (identity === undefined) return reply({})
  const grantee = granteeOf(msg, self)
  const grants = identity.grants.delete(granteeKey(grantee))
  return [
    reply({}),
    ...enginesOf(identity).map(engine => revoke(engine, grantee)),
    update<Environment>({ ...environment, identities: identities.set(identity.externalIdentity.name, { ...identity, grants }) }),
  ]
}

/** One without a node part is on this node: an engine's message was not resolved, as a host's is. */
function granteeOf({ grantee }: { readonly grantee: EngineID }, self: EngineID): EngineID {
  return { node: grantee.node ?? self.node, name: grantee.name }
}

function union(a: Capabilities | undefined, b: Capabilities): Capabilities {
  return a === undefined || a === b ? b : 'CommitAndDecrypt'
}

// ── listing ──────────────────────────────────────────────────────────────────────────────────────────────────────

export function listIdentities({ sender }: AskedFor<'ListIdentitiesRequest'>, _config: Config, { identities }: Environment): Answer<'ListIdentitiesRequest'> {
  const key = granteeKey(sender)
  return reply({ identities: [...identities].flatMap(([, { externalIdentity, backend, capabilities, owner, grants, isDeleting }]) => {
    const isOwner = sameEngine(owner, sender)
    const can = isOwner ? capabilities : grants.get(key)
    return can === undefined || isDeleting ? [] : [{ externalIdentity, backend, capabilities: can, isOwner }]
  }) })
}
