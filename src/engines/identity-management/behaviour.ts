import { reply } from '../../core/effect.ts'
import type { Behaviour, TaskHandlers } from '../../core/engine.ts'
import { always, firstOf, rule } from '../../core/rule.ts'
import { checkExternalIdentity, checkGrant, checkGrantee, checkOwner, copyEngineReferences, grantIdentity, listIdentities, revokeIdentity, verifyCapabilities } from './access.ts'
import { adoptIdentity, answerKnown, checkIfKnown, ownIdentity, showClaim } from './adoption.ts'
import { checkIfIdentityExists, deleteIdentityIfExists, erase, forgetIdentity } from './deletion.ts'
import { loseEngine } from './engines.ts'
import { beginLife } from './environment.ts'
import type { IdentityManagement, IdentityRefusal } from './family.ts'
import { attemptOf, createNewIdentity, discard, generate, keepIdentity, repeatAnswer } from './generation.ts'
import { checkIfDeleted, forgetDeleted, rememberIdentity, restore, undeleteIdentity } from './undeletion.ts'
import { dormantIdentity, openOnce, spawnAgain, wakeIdentity } from './waking.ts'

const refused = (refusal: IdentityRefusal) => reply<IdentityRefusal>(refusal)

export const identityManagementTasks: TaskHandlers<IdentityManagement> = { generate, discard, wake: openOnce, delete: erase, undelete: restore, adopt: showClaim }

export const identityManagementBehaviour: Behaviour<IdentityManagement> = {
  started: always(beginLife),
  messages: {
    GenerateIdentityRequest: firstOf(rule((asked, _config, environment) => attemptOf(asked, environment), repeatAnswer), always(createNewIdentity)),
    ConnectIdentityRequest: firstOf(
      rule(checkExternalIdentity, refused), rule(verifyCapabilities, refused), rule((asked, _config, environment) => dormantIdentity(asked, environment), wakeIdentity),
      always(copyEngineReferences)),
    DeleteIdentityRequest: firstOf(rule(checkIfIdentityExists, refused), always(deleteIdentityIfExists)),
    UndeleteIdentityRequest: firstOf(rule(checkIfDeleted, refused), always(undeleteIdentity)),
    AdoptIdentityRequest: firstOf(rule(checkIfKnown, answerKnown), always(adoptIdentity)),
    GrantIdentityRequest: firstOf(rule(checkOwner, refused), rule(checkGrant, refused), always(grantIdentity)),
    RevokeIdentityRequest: firstOf(rule(checkOwner, refused), rule(checkGrantee, refused), always(revokeIdentity)),
    ListIdentitiesRequest: always(listIdentities),
  },
  outcomes: {
    generate: always(keepIdentity),
    discard: always(() => []),
    wake: always(spawnAgain),
    delete: always(forgetIdentity),
    undelete: always(rememberIdentity),
    adopt: always(ownIdentity),
  },
  timers: { forget: always(forgetDeleted) },
  terminated: always(loseEngine),
}
