// Text that others chose and a person reads: nothing in it may move a cursor, turn the direction of writing, or hide.

/** Letters, digits, punctuation and spaces of any script; none of what is shown as nothing, nor the braille letter without dots, which is a wide one. */
const HIDDEN = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|[\p{Default_Ignorable_Code_Point}\u2800]/gu

/** Whether all of it can be seen: also no more than one space at a time, and none at its ends. */
export function isPrintable(text: string): boolean {
  return text === printable(text, text.length) && !/^ | {2}| $/.test(text)
}

/** The first so many characters, with a question mark for each that can't be seen. */
export function printable(text: string, most: number): string {
  return Array.from(text.slice(0, 2 * most), character => character.replace(HIDDEN, '?')).slice(0, most).join('')
}
