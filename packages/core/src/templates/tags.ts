import { faultAt } from './template-error.ts'

/** Sections inside each other, at most. */
const MAX_SECTION_DEPTH = 32
/** Longest tag, comments included: mustache needs time square to the length of the blanks in a tag. */
const MAX_TAG_LENGTH = 1000
/** Parts of letters, digits and `_ - @ : $`, joined by dots. */
const NAME = /^[\p{L}\p{M}\p{N}_\-@:$]+(?:\.[\p{L}\p{M}\p{N}_\-@:$]+)*$/u
const SYMBOLS = '#^/!&{>='

interface Tag {
  /** One of SYMBOLS, or empty for a plain variable. */
  symbol: string
  name: string
  start: number
  end: number
}

/**
 * Refuses what mustache would misread, accept or report at the wrong place: tags and sections left open, closers without a
 * section, names that are none, partials and changes of the delimiters. A text that passes is parsed by mustache without error.
 * @throws TemplateError with line and column
 */
export function checkTags(text: string): void {
  const open: Tag[] = []
  for (let start = text.indexOf('${'); start >= 0; ) {
    const tag = readTag(text, start)
    checkName(text, tag, open)
    if (tag.symbol === '#' || tag.symbol === '^') open.push(tag)
    if (tag.symbol === '/') close(text, tag, open)
    if (open.length > MAX_SECTION_DEPTH) {
      throw faultAt(text, start, `sections are nested deeper than ${MAX_SECTION_DEPTH} levels`)
    }
    start = text.indexOf('${', tag.end)
  }
  const unclosed = open.at(-1)
  if (unclosed)
    throw faultAt(text, unclosed.start, `section "${unclosed.name}" is never closed by "\${/${unclosed.name}}"`)
}

function readTag(text: string, start: number): Tag {
  const brace = text.indexOf('}', start)
  if (brace < 0) throw faultAt(text, start, 'tag "${" is never closed by "}"')
  if (brace - start > MAX_TAG_LENGTH) throw faultAt(text, start, `tag is longer than ${MAX_TAG_LENGTH} characters`)
  const inside = text.slice(start + 2, brace).trim()
  const first = inside.charAt(0)
  const symbol = first !== '' && SYMBOLS.includes(first) ? first : ''
  if (symbol === '{' && text[brace + 1] !== '}') throw faultAt(text, start, 'tag "${{" is not closed by "}}"')
  return { symbol, name: inside.slice(symbol.length).trim(), start, end: brace + 1 }
}

function checkName(text: string, { symbol, name, start }: Tag, open: readonly Tag[]): void {
  if (symbol === '!') return
  if (symbol === '>') throw faultAt(text, start, 'partials "${>…}" are not supported')
  if (symbol === '=') throw faultAt(text, start, 'changing the delimiters "${=…=}" is not supported')
  if (name === '.') {
    if (open.length === 0) throw faultAt(text, start, '"." stands for the entry of a section: there is none around it')
    return
  }
  if (name === '') throw faultAt(text, start, 'tag has no name')
  if (!NAME.test(name)) {
    const shown = name.length > 40 ? `${name.slice(0, 40)}…` : name
    throw faultAt(text, start, `"${shown}" is no variable name: letters, digits and _ - @ : $, parts joined by dots`)
  }
}

function close(text: string, tag: Tag, open: Tag[]): void {
  const section = open.pop()
  if (!section) throw faultAt(text, tag.start, `"\${/${tag.name}}" closes a section that was never opened`)
  if (section.name !== tag.name) {
    throw faultAt(text, tag.start, `"\${/${tag.name}}" stands where section "${section.name}" must be closed first`)
  }
}
