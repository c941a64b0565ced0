import { hexToBytes } from '@noble/curves/utils.js'
import { isBytesOf, sameBytes } from '../../bytes.ts'

interface PublicKey {
  toBytes(compress: boolean): Uint8Array
  keyValidate(): void
}

interface Signature {
  toBytes(compress: boolean): Uint8Array
  sigValidate(refuseInfinity: boolean): void
}

interface SecretKey {
  toPublicKey(): PublicKey
  sign(message: Uint8Array): Signature
}

/** What is used of the package `@chainsafe/blst`. Its flags say whether to check points for the subgroup, and keys for infinity too. */
export interface Blst {
  readonly SecretKey: { fromBytes(bytes: Uint8Array): SecretKey }
  readonly PublicKey: { fromBytes(bytes: Uint8Array, validate: boolean): PublicKey }
  readonly Signature: { fromBytes(bytes: Uint8Array, validate: boolean, refuseInfinity: boolean): Signature }
  aggregatePublicKeys(keys: PublicKey[], validate: boolean): PublicKey
  aggregateSignatures(signatures: Signature[], validate: boolean): Signature
  verify(message: Uint8Array, key: PublicKey, signature: Signature, validateKey: boolean, validateSignature: boolean): boolean
  aggregateVerify(messages: Uint8Array[], keys: PublicKey[], signature: Signature, validateKeys: boolean, validateSignature: boolean): boolean
  verifyMultipleAggregateSignatures(
    sets: { msg: Uint8Array; pk: PublicKey; sig: Signature }[], validateKeys: boolean, validateSignatures: boolean,
  ): boolean
}

const FUNCTIONS = ['aggregatePublicKeys', 'aggregateSignatures', 'aggregateVerify', 'verify', 'verifyMultipleAggregateSignatures']
const CLASSES = ['PublicKey', 'SecretKey', 'Signature']

/** What is used of a NodePlatform. Not that type: this file's is among the public declarations, which do without the types of Node.js. */
interface Packages {
  load(name: string): unknown
}

const loaded = new WeakMap<Packages, { readonly blst: Blst | undefined }>()

/** The package, and `undefined` where it is absent, or is a build that does not compute what this library relies on. */
export function loadBlst(platform: Packages): Blst | undefined {
  const known = loaded.get(platform)
  if (known !== undefined) return known.blst
  const found = platform.load('@chainsafe/blst')
  const blst = isBlst(found) && answersAsKnown(found) ? found : undefined
  loaded.set(platform, { blst })
  return blst
}

function isBlst(found: unknown): found is Blst {
  if (typeof found !== 'object' || found === null) return false
  const fields = new Map<string, unknown>(Object.entries(found))
  if (FUNCTIONS.some(name => typeof fields.get(name) !== 'function')) return false
  return CLASSES.every(name => {
    const made = fields.get(name)
    return typeof made === 'function' && 'fromBytes' in made && typeof made.fromBytes === 'function'
  })
}

/** The signature of no bytes by the secret key 0101…01, in the domain of proof-of-possession signatures. */
const KNOWN = hexToBytes(
  'b194231e0562904e04a8050aacd8ba6edcc3078272d144acb7c3eb9996c36f1371eaf6941920b5f460b44cebed874875' +
  '0fa9aac1865279c6ed35995aa6740f80ec70b2876fcff6c8c13af869eb04a8b7fafe27eb501bc725e6fc6fc641fdc324')

/** The domain is built into the binding, and so are the scalars of its batches: another build is refused rather than trusted. */
function answersAsKnown(blst: Blst): boolean {
  try {
    const secretKey = blst.SecretKey.fromBytes(new Uint8Array(32).fill(1))
    const pk = secretKey.toPublicKey()
    const [none, one] = [new Uint8Array(0), Uint8Array.of(1)]
    const [ofNone, ofOne] = [secretKey.sign(none), secretKey.sign(one)]
    // Two signatures that changed places have the right sum, and only random scalars tell.
    const together = (first: Signature, second: Signature) =>
      blst.verifyMultipleAggregateSignatures([{ msg: none, pk, sig: first }, { msg: one, pk, sig: second }], false, false)
    return sameBytes(ofNone.toBytes(true), KNOWN) && blst.verify(none, pk, ofNone, true, true) && !blst.verify(one, pk, ofNone, true, true) &&
      together(ofNone, ofOne) && !together(ofOne, ofNone)
  } catch {
    return false
  }
}

/** KeyValidate (draft-irtf-cfrg-bls-signature, section 2.5), as the portable decode has it. */
export function decodePublicKey({ PublicKey }: Blst, publicKey: Uint8Array): PublicKey | undefined {
  if (!isBytesOf(publicKey, 48)) return undefined
  try {
    return PublicKey.fromBytes(publicKey, true)
  } catch {
    return undefined
  }
}

/** In the subgroup, and not infinity, as the portable decode has it. */
export function decodeSignature({ Signature }: Blst, signature: Uint8Array): Signature | undefined {
  if (!isBytesOf(signature, 96)) return undefined
  try {
    return Signature.fromBytes(signature, true, true)
  } catch {
    return undefined
  }
}
