// Text that others chose and a person reads: nothing in it may move a cursor, turn the direction of writing, or hide.

/** Letters, marks, numbers, punctuation, symbols and plain spaces of any script: no controls, nothing that hides or turns text around. Some letters, marks and symbols are blank. */
const VISIBLE = /^[[\p{L}\p{M}\p{N}\p{P}\p{S} ]--[\p{Default_Ignorable_Code_Point}\u2800\ufffc\u{1d159}]]*$/v
/** So many marks on one letter reach over the lines around it. */
const PILED = /\p{M}{5}/u

export function isVisible(text: string): boolean {
  return VISIBLE.test(text)
}

/** Whether marks are piled up in it. */
export function isPiled(text: string): boolean {
  return PILED.test(text)
}
