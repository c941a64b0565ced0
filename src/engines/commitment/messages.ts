import { defineProtocol, exchange } from '../../core/protocol.ts'
import type { ProtocolOf } from '../../core/protocol.ts'
import { bytes } from '../../core/schema.ts'

/** The most bytes that one request may ask to sign: 1 MiB. Sign a digest of anything larger. */
export const COMMITMENT_LIMIT = 1 << 20

/** The messages of Anoma's Commitment engine. A response has the fields named here, or `{ err, code }`. */
export const commitmentProtocol = defineProtocol({
  id: 'ipse/commitment',
  version: 1,
  codes: ['backend-failed'],
  requests: {
    /** Signs `data` for purpose `data` in the name of the engine's identity. At most {@link COMMITMENT_LIMIT} bytes. */
    CommitmentRequest: exchange({ data: bytes(COMMITMENT_LIMIT) }, { commitment: bytes() }),
  },
  tells: {},
})
/** The types of {@link commitmentProtocol}. */
export interface CommitmentProtocol extends ProtocolOf<typeof commitmentProtocol> {}
