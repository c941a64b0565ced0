import * as z from 'zod'
import { defineProtocol, exchange } from '../../core/protocol.ts'
import type { ProtocolOf } from '../../core/protocol.ts'
import { bytes } from '../../core/schema.ts'
import { backendCodes } from '../backend-failure.ts'

/** The most bytes that one request may ask to sign, and the most of one item of a batch: 1 MiB. Sign a digest of anything larger. */
export const COMMITMENT_LIMIT = 1 << 20

/** The most items of one batch, and the most bytes of all of them: 16 MiB. */
export const BATCH_LIMIT = 4096
const BATCH_BYTES = 1 << 24

const batch = z.array(bytes(COMMITMENT_LIMIT)).max(BATCH_LIMIT, { error: `more than ${BATCH_LIMIT} items` })
  .refine(data => data.reduce((sum, { length }) => sum + length, 0) <= BATCH_BYTES, { error: `more than ${BATCH_BYTES} bytes together`, params: { code: 'too-large' } })

/** The messages of Anoma's Commitment engine, and ours for batches. A response has the fields named here, or `{ err, code }`. */
export const commitmentProtocol = defineProtocol({
  id: 'ipse/commitment',
  version: 1,
  codes: backendCodes,
  requests: {
    /**
     * Signs `data` for purpose `data` in the name of the engine's identity. At most {@link COMMITMENT_LIMIT} bytes. With `prehashed`, the data is
     * a digest of 32 bytes that is signed as it is, and the commitment is r ‖ s ‖ u8 recovery id: for Secp256k1 identities of format `raw`.
     */
    CommitmentRequest: exchange({ data: bytes(COMMITMENT_LIMIT), prehashed: z.boolean().exactOptional() }, { commitment: bytes() }),
    /** Signs each of at most {@link BATCH_LIMIT}, as `CommitmentRequest` does, on all cores where its backend can; answers in the same order. */
    CommitmentBatchRequest: exchange({ data: batch }, {
      commitments: z.array(z.union([z.strictObject({ commitment: bytes() }), z.strictObject({ err: z.string(), code: z.enum(backendCodes) })])),
    }),
  },
  tells: {},
})
/** The types of {@link commitmentProtocol}. */
export interface CommitmentProtocol extends ProtocolOf<typeof commitmentProtocol> {}
