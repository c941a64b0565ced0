import * as z from 'zod'
import { defineProtocol, exchange, exchangeBy } from '../../core/protocol.ts'
import type { ProtocolOf } from '../../core/protocol.ts'
import { bytes, coded, engineID, engineRef, externalIdentity, sensitive } from '../../core/schema.ts'
import { backendCodes } from '../backend-failure.ts'
import { backendName } from '../backend-name.ts'
import type { CommitmentProtocol } from '../commitment/messages.ts'
import type { DecryptionProtocol } from '../decryption/messages.ts'

const backend = coded(backendName, 'unknown-backend')
const params = coded(z.enum(['Ed25519', 'Secp256k1', 'BLS', 'P256', 'MLDSA65']), 'unknown-params')
const capabilities = z.enum(['Commit', 'Decrypt', 'CommitAndDecrypt'])
/** The sender's own name for an attempt, so that asking again gives the same identity. */
const requestId = z.string().min(1).max(256).refine(text => text.isWellFormed(), 'expected text without lone surrogates, which has a form to be stored in').exactOptional()

/** `raw` identities sign bare bytes. They are no evidence, no name and no account of anything here. */
const format = z.enum(['framed', 'raw']).exactOptional()

/** Bytes. */
const CLAIM_LIMIT = 64

const identity = { externalIdentity: externalIdentity() }
const commit = { commitmentEngine: engineRef<CommitmentProtocol>() }
const decrypt = { decryptionEngine: engineRef<DecryptionProtocol>() }

/**
 * The messages of Anoma's Identity Management engine, and ours for sharing. A response has the fields named here, or
 * `{ err, code }`; a refused request changes nothing.
 */
export const identityManagementProtocol = defineProtocol({
  id: 'ipse/identity-management',
  version: 1,
  codes: [...backendCodes, 'engine-gone', 'exists', 'not-found', 'not-granted', 'not-owner', 'request-conflict', 'unknown-backend', 'unknown-params'],
  requests: {
    /** Makes an identity that the asker owns, and spawns its engines. The same `requestId` of an asker gives the same identity. */
    GenerateIdentityRequest: exchangeBy({ backend, params, capabilities, format, requestId }, 'capabilities', {
      Commit: { ...identity, ...commit },
      Decrypt: { ...identity, ...decrypt },
      CommitAndDecrypt: { ...identity, ...commit, ...decrypt },
    }),
    /**
     * Answers with the engines for `capabilities`, and lets the asker use them: an owner, or whom the owner granted as much. If the identity's
     * engines were of another life, spawns them anew.
     */
    ConnectIdentityRequest: exchangeBy({ ...identity, backend, capabilities }, 'capabilities', {
      Commit: commit,
      Decrypt: decrypt,
      CommitAndDecrypt: { ...commit, ...decrypt },
    }),
    /**
     * Has the backend erase the keys, or put them away, then stops the engines. Until `undoUntil`, in milliseconds since the Unix epoch, it can be
     * taken back; without it, never. The owner's to ask.
     */
    DeleteIdentityRequest: exchange({ ...identity, backend }, { undoUntil: z.number().exactOptional() }),
    /** Takes a delete back: the identity has its owner and its grants again. The owner's to ask. */
    UndeleteIdentityRequest: exchange({ ...identity, backend }, {}),
    /**
     * Makes the asker the owner of an identity that the backend holds and nobody owns here, as after its backup was restored. `claim` is the
     * secret that the backend gave out for it. Asking again for one's own is harmless.
     */
    AdoptIdentityRequest: exchange({ ...identity, backend, claim: sensitive(bytes(CLAIM_LIMIT)) }, { capabilities }),
    /** Lets `grantee` connect with `capabilities`, beside what it was granted before. The owner's to ask. */
    GrantIdentityRequest: exchange({ ...identity, grantee: engineID(), capabilities }, {}),
    /** Takes back all that `grantee` was granted, and its access to the engines. The owner's to ask. */
    RevokeIdentityRequest: exchange({ ...identity, grantee: engineID() }, {}),
    /** The asker's own identities, and those granted to it with what was granted. */
    ListIdentitiesRequest: exchange({}, {
      identities: z.array(z.strictObject({ ...identity, backend, capabilities, isOwner: z.boolean() })),
    }),
  },
  tells: {},
})
/** The types of {@link identityManagementProtocol}. */
export interface IdentityManagementProtocol extends ProtocolOf<typeof identityManagementProtocol> {}
