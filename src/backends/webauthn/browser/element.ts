/** Attributes, of which `text` is the content. Whatever comes from elsewhere is only ever text. */
export interface Attributes {
  readonly text?: string
  readonly [name: string]: string | undefined
}

/** An element with attributes and children. */
export function element<K extends keyof HTMLElementTagNameMap>(name: K, { text, ...attributes }: Attributes = {}, ...children: readonly Node[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(attribute, value)
  if (text !== undefined) made.textContent = text
  made.append(...children)
  return made
}
