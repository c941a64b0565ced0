/** A file's text with what is no code blanked out. Both have the length and the lines of the original. */
export interface SourceText {
  /** Without comments. */
  readonly code: string
  /** Without comments, and with nothing inside text and regular expressions; expressions inside templates stay. */
  readonly bare: string
}

/** One import, export-from or dynamic import. */
export interface Import {
  readonly line: number
  readonly specifier: string
  /** Whether the whole statement is erased with the types. */
  readonly isType: boolean
  /** `export *`. */
  readonly isStar: boolean
  /** The names it takes, as the other file calls them. */
  readonly names: readonly string[]
}

/** Words after which a slash begins a regular expression. */
const BEFORE_OPERAND = /(?:^|[^\w$.])(?:return|typeof|case|in|of|delete|void|throw|new|do|else|await|yield)$/

/** Reads TypeScript far enough to tell code from comments, text and regular expressions. */
export function readSource(text: string): SourceText {
  const code = text.split('')
  const bare = text.split('')
  /** For each template that is open, how many braces are open in its expression. */
  const templates: number[] = []
  const blank = (from: number, to: number, of: readonly string[][]) => {
    for (let i = from; i < Math.min(to, text.length); i++) if (text[i] !== '\n') for (const target of of) target[i] = ' '
  }
  const skipTo = (from: number, end: string) => {
    const at = text.indexOf(end, from)
    return at < 0 ? text.length : at
  }
  /** From inside a template to its end or its next expression. */
  const template = (from: number) => {
    let at = from
    while (at < text.length && text[at] !== '`' && !text.startsWith('${', at)) at += text[at] === '\\' ? 2 : 1
    blank(from, at, [bare])
    if (text[at] === '`' || at >= text.length) return at + 1
    templates.push(0)
    return at + 2
  }
  /** `significant` ends with the last code before a place: what a slash there means depends on it. */
  let significant = ''
  let at = 0
  while (at < text.length) {
    const c = text.charAt(at)
    const start = at
    if (text.startsWith('//', at)) {
      at = skipTo(at, '\n')
      blank(start, at, [code, bare])
      continue
    }
    if (text.startsWith('/*', at)) {
      at = skipTo(at + 2, '*/') + 2
      blank(start, at, [code, bare])
      continue
    }
    if (c === '"' || c === "'") {
      at++
      while (at < text.length && text[at] !== c && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1
      blank(start + 1, at, [bare])
      at++
    } else if (c === '`') {
      at = template(at + 1)
    } else if (c === '}' && templates.at(-1) === 0) {
      templates.pop()
      at = template(at + 1)
    } else if (c === '/' && (/(?:^|[(,=:[!&|?{};+\-*%<>~^])$/.test(significant) || BEFORE_OPERAND.test(significant))) {
      let inClass = false
      at++
      while (at < text.length && (text[at] !== '/' || inClass) && text[at] !== '\n') {
        if (text[at] === '[') inClass = true
        else if (text[at] === ']') inClass = false
        at += text[at] === '\\' ? 2 : 1
      }
      blank(start + 1, at, [bare])
      at++
    } else {
      const open = templates.length - 1
      if (c === '{' && open >= 0) templates[open] = (templates[open] ?? 0) + 1
      else if (c === '}' && open >= 0) templates[open] = (templates[open] ?? 0) - 1
      at++
    }
    // A space ends a word and is nothing else.
    significant = /\s/.test(c) ? significant : (/[\w$]/.test(c) && start > 0 && /\s/.test(text.charAt(start - 1)) ? ` ${c}` : significant + c).slice(-12)
  }
  return { code: code.join(''), bare: bare.join('') }
}

/** All that a file imports, types included. */
export function importsOf({ code, bare }: SourceText): readonly Import[] {
  const imports: Import[] = []
  const add = (index: number, quote: number, clause: string) => {
    const end = bare.indexOf(bare.charAt(quote), quote + 1)
    imports.push({
      line: lineAt(bare, index),
      specifier: code.slice(quote + 1, end),
      isType: /^\s*type\s+[\w${*]/.test(clause),
      isStar: /^\s*(?:type\s+)?\*/.test(clause) && bare.startsWith('export', index),
      names: namesIn(clause),
    })
  }
  // A clause holds no statement of its own, so it ends at the first text.
  for (const match of bare.matchAll(/(?<![\w$.])(?:import|export)(\s+(?:type\s+)?(?:[\w$]+(?:\s*,\s*)?)?(?:\{[^{}]*\}|\*(?:\s*as\s+[\w$]+)?)?\s*from\s*)(?=["'])/g)) {
    add(match.index, match.index + match[0].length, (match[1] ?? '').replace(/from\s*$/, ''))
  }
  for (const match of bare.matchAll(/(?<![\w$.])import\s*\(?\s*(?=["'])/g)) add(match.index, match.index + match[0].length, '')
  return imports.toSorted((a, b) => a.line - b.line)
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

function namesIn(clause: string): readonly string[] {
  const braces = /\{([^{}]*)\}/.exec(clause)?.[1] ?? ''
  return braces.split(',').map(part => part.trim().replace(/^type\s+/, '').replace(/\s+as\s.*$/s, '')).filter(name => name !== '')
}
