/** How the bytes of a secret may lie in memory. Numbers lie with their last byte first; text of V8 has one byte for a letter, or two. */
export const forms = ['bytes', 'reversed', 'hex', 'two-byte text'] as const
export type Form = typeof forms[number]

/** Half of a secret, in one form. */
export interface Needle {
  readonly secret: number
  readonly half: 0 | 1
  readonly form: Form
  readonly bytes: Buffer
}

/** Both halves of a secret in all forms: a copy may be of one alone. `secret` is what hits name it by. */
export function needlesOf(secret: number, bytes: Buffer): readonly Needle[] {
  const half = bytes.length >> 1
  return forms.flatMap(form => ([0, 1] as const).map(which =>
    ({ secret, half: which, form, bytes: written(bytes.subarray(which * half, (which + 1) * half), form) })))
}

function written(bytes: Buffer, form: Form): Buffer {
  switch (form) {
    case 'bytes': return bytes
    case 'reversed': return Buffer.from(bytes.toReversed())
    case 'hex': return Buffer.from(bytes.toString('hex'))
    case 'two-byte text': return Buffer.from(bytes.toString('latin1'), 'utf16le')
  }
}
