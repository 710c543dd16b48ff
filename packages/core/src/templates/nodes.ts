import mustache, { type TemplateSpans } from 'mustache'
import { checkTags } from './tags.ts'

/** A piece of a parsed text. `path` is the name split at its dots, empty for `.`. */
export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'variable'; name: string; path: readonly string[] }
  | { kind: 'section'; inverted: boolean; name: string; path: readonly string[]; children: readonly Node[] }

/**
 * Parses one text with tags into nodes; comments and the line breaks of lines with nothing but a section tag are gone.
 * @throws TemplateError with line and column
 */
export function parseNodes(text: string): readonly Node[] {
  checkTags(text)
  // A writer of its own: the shared one keeps every template it has ever seen.
  const spans: TemplateSpans = new mustache.Writer().parse(text, ['${', '}'])
  return toNodes(spans)
}

function toNodes(spans: TemplateSpans): Node[] {
  return spans.flatMap((span) => toNode(span))
}

function toNode([type, value, , , children]: TemplateSpans[number]): Node[] {
  switch (type) {
    case 'text':
      return [{ kind: 'text', text: value }]
    case 'name':
    case '&':
      return [{ kind: 'variable', name: value, path: toPath(value) }]
    case '#':
    case '^':
      return [
        {
          kind: 'section',
          inverted: type === '^',
          name: value,
          path: toPath(value),
          children: Array.isArray(children) ? toNodes(children) : [],
        },
      ]
    case '!':
      return []
    default:
      throw new Error(`mustache gave a token of type "${type}", which checkTags refuses`)
  }
}

function toPath(name: string): string[] {
  return name === '.' ? [] : name.split('.')
}
