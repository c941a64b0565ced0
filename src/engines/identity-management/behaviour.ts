import { reply } from '../../core/effect.ts'
import type { Behaviour, TaskHandlers } from '../../core/engine.ts'
import { always, firstOf, rule } from '../../core/rule.ts'
import { checkExternalIdentity, checkGrant, checkGrantee, checkOwner, copyEngineReferences, grantIdentity, listIdentities, revokeIdentity, verifyCapabilities } from './access.ts'
import { checkIfIdentityExists, deleteIdentityIfExists, erase, forgetIdentity, loseEngine } from './deletion.ts'
import type { IdentityManagement, IdentityRefusal } from './family.ts'
import { attemptOf, createNewIdentity, generate, repeatAnswer, spawnEngines } from './generation.ts'

const refused = (refusal: IdentityRefusal) => reply<IdentityRefusal>(refusal)

export const identityManagementTasks: TaskHandlers<IdentityManagement> = { generate, delete: erase }

export const identityManagementBehaviour: Behaviour<IdentityManagement> = {
  messages: {
    GenerateIdentityRequest: firstOf(rule((asked, _config, environment) => attemptOf(asked, environment), repeatAnswer), always(createNewIdentity)),
    ConnectIdentityRequest: firstOf(rule(checkExternalIdentity, refused), rule(verifyCapabilities, refused), always(copyEngineReferences)),
    DeleteIdentityRequest: firstOf(rule(checkIfIdentityExists, refused), always(deleteIdentityIfExists)),
    GrantIdentityRequest: firstOf(rule(checkOwner, refused), rule(checkGrant, refused), always(grantIdentity)),
    RevokeIdentityRequest: firstOf(rule(checkOwner, refused), rule(checkGrantee, refused), always(revokeIdentity)),
    ListIdentitiesRequest: always(listIdentities),
  },
  outcomes: {
    generate: always(spawnEngines),
    delete: always(forgetIdentity),
  },
  terminated: always(loseEngine),
}
