import { isPiled, isVisible } from '../visible.ts'

/** Whether all of it can be seen at a terminal: also no more than one space at a time, and none at its ends. */
export function isPrintable(text: string): boolean {
  return isVisible(text) && !isPiled(text) && !/^ | {2}| $/.test(text)
}

/** The first so many characters, with a question mark for each that can't be seen. */
export function printable(text: string, most: number): string {
  const start = text.slice(0, 2 * most)
  const hidden = isPiled(start) ? /\p{M}/u : undefined
  return Array.from(start, character => isVisible(character) && hidden?.test(character) !== true ? character : '?').slice(0, most).join('')
}
