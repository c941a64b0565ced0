import { includes, sameBackend } from '../../backends/backend.ts'
import type { Capabilities } from '../../backends/backend.ts'
import { reply, revoke, update } from '../../core/effect.ts'
import { sameEngine } from '../../core/engine-id.ts'
import type { EngineID } from '../../core/engine-id.ts'
import { refuse } from '../../core/protocol.ts'
import { handOut } from './engines.ts'
import { awakeEngines, changed, enginesIn, granteeKey, liveIdentity } from './environment.ts'
import type { IdentityManagementEnvironment } from './environment.ts'
import type { Answer, AskedFor, Config, Connecting, IdentityRefusal } from './family.ts'

// Checks are guards that hold when something is wrong, and answer the refusal.

type Environment = IdentityManagementEnvironment
type Connect = AskedFor<'ConnectIdentityRequest'>
type Grant = AskedFor<'GrantIdentityRequest'>
type Revoke = AskedFor<'RevokeIdentityRequest'>

// ── connecting ───────────────────────────────────────────────────────────────────────────────────────────────────

export function checkExternalIdentity<T extends Connecting>({ msg }: T, _config: Config, environment: Environment): IdentityRefusal | undefined {
  const identity = liveIdentity(environment, msg.externalIdentity)
  return identity !== undefined && sameBackend(identity.backend, msg.backend) ? undefined
    : refuse('not-found', 'External identity not found: no such identity lives on this backend')
}

export function verifyCapabilities<T extends Connecting>({ msg, sender }: T, _config: Config, environment: Environment): IdentityRefusal | undefined {
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
  const identity = environment.identities.get(msg.externalIdentity.name)
  const engines = identity && awakeEngines(environment, identity)
  if (engines === undefined) return undefined
  const { response, grants } = handOut(engines, msg.capabilities, sender)
  return [reply(response), ...grants]
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
  const identity = environment.identities.get(msg.externalIdentity.name)
  const grantee = granteeOf(msg, self)
  if (identity === undefined || sameEngine(grantee, sender)) return reply({})
  const key = granteeKey(grantee)
  const grants = identity.grants.set(key, union(identity.grants.get(key), msg.capabilities))
  return [reply({}), update<Environment>(changed(environment, msg.externalIdentity.name, { grants }))]
}

export function checkGrantee({ msg, sender, self }: Revoke): IdentityRefusal | undefined {
  return sameEngine(granteeOf(msg, self), sender) ? refuse('not-granted', "Not granted: an owner's own access was not granted, and can't be revoked") : undefined
}

/** Ends the grant and the access to both engines, also for requests that already wait there. Revoking nothing succeeds. */
export function revokeIdentity({ msg, self }: Revoke, _config: Config, environment: Environment): Answer<'RevokeIdentityRequest'> {
  const identity = environment.identities.get(msg.externalIdentity.name)
  if (identity === undefined) return reply({})
  const grantee = granteeOf(msg, self)
  const grants = identity.grants.delete(granteeKey(grantee))
  return [
    reply({}),
    ...enginesIn(awakeEngines(environment, identity)).map(engine => revoke(engine, grantee)),
    update<Environment>(changed(environment, msg.externalIdentity.name, { grants })),
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

export function listIdentities({ sender }: AskedFor<'ListIdentitiesRequest'>, _config: Config, { identities, life }: Environment): Answer<'ListIdentitiesRequest'> {
  const key = granteeKey(sender)
  return reply({ identities: [...identities].flatMap(([, { externalIdentity, backend, capabilities, owner, grants, deletion }]) => {
    const isOwner = sameEngine(owner, sender)
    const can = isOwner ? capabilities : grants.get(key)
    return can === undefined || deletion?.life === life ? [] : [{ externalIdentity, backend, capabilities: can, isOwner }]
  }) })
}
