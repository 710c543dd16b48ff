import { LRUCache } from 'lru-cache'
import type { MessageType } from '../contracts/content.ts'
import { contentFaults, optionalKeys } from './content-faults.ts'
import { isMarkdownJson, parseTemplateJson } from './json-template.ts'
import { isNestedDeeperThan } from './lossless-json.ts'
import { type Node, parseNodes } from './nodes.ts'
import { TemplateError, type TemplateIssue } from './template-error.ts'

/** The size of `msg_template.template_content`, in UTF-8 bytes. */
const MAX_TEMPLATE_BYTES = 65_535
/** No content has more than a list of objects in an object. */
const MAX_JSON_NESTING = 8

/** One text of a template. `path` is empty for the content as a whole; an optional one that renders empty is left out. */
export interface TextPart {
  kind: 'text'
  path: string
  optional: boolean
  nodes: readonly Node[]
}
/** A part of a template's content: what has texts is rendered, a constant (`vertical`) goes over as it is. */
export type Part =
  | TextPart
  | { kind: 'object'; entries: readonly (readonly [string, Part])[] }
  | { kind: 'array'; items: readonly Part[] }
  | { kind: 'constant'; value: unknown }

export interface ParsedTemplate {
  readonly messageType: MessageType
  readonly root: Part
}

function newCache() {
  return new LRUCache<string, ParsedTemplate>({
    max: 2000,
    maxSize: 4_000_000,
    sizeCalculation: (_template, content) => content.length,
  })
}
// One per type: the content itself is the key, so that a hit neither builds nor hashes a new string.
const caches: Record<MessageType, LRUCache<string, ParsedTemplate>> = {
  TEXT: newCache(),
  MARKDOWN: newCache(),
  LINK: newCache(),
  CARD: newCache(),
}

/**
 * Parses a template, or takes it from the cache.
 *
 * Tags are mustache's with `${` and `}`: `${name}` (the same as `${&name}` and `${{name}}`: values always go in raw),
 * `${buyer.name}`, `${#items}…${/items}`, `${^items}…${/items}`, `${.}`, `${! comment }`. Partials and changes of the delimiters
 * are refused. A `$` without brace and a `}` outside a tag are text, `$${price}` is a dollar sign and a price. There is no
 * escape for a literal `${`: a text that needs one takes it from a variable.
 *
 * TEXT is the text; MARKDOWN the markdown text, or JSON that is an object with no keys but `title` and `text`; LINK and CARD
 * are JSON. JSON is parsed first, and each string in it is a template of its own. A URL without tags must be one already.
 * @throws TemplateError with all faults found
 */
export function parseTemplate(messageType: MessageType, templateContent: string): ParsedTemplate {
  const cache = caches[messageType]
  const cached = cache.get(templateContent)
  if (cached) return cached
  const parsed = { messageType, root: parseContent(messageType, templateContent) }
  cache.set(templateContent, parsed)
  return parsed
}

/** All texts of a template, in the order in which they stand in it. */
export function textsOf(part: Part): TextPart[] {
  if (part.kind === 'text') return [part]
  if (part.kind === 'object') return part.entries.flatMap(([, child]) => textsOf(child))
  if (part.kind === 'array') return part.items.flatMap(textsOf)
  return []
}

function parseContent(messageType: MessageType, content: string): Part {
  if (content.trim() === '') throw new TemplateError({ reason: 'the template is empty' })
  if (Buffer.byteLength(content) > MAX_TEMPLATE_BYTES) {
    throw new TemplateError({ reason: `the template is longer than ${MAX_TEMPLATE_BYTES} bytes` })
  }
  if (messageType === 'TEXT') return { kind: 'text', path: '', optional: false, nodes: parseNodes(content) }
  if (messageType === 'MARKDOWN' && !isMarkdownJson(content)) {
    return {
      kind: 'object',
      entries: [['text', { kind: 'text', path: '', optional: false, nodes: parseNodes(content) }]],
    }
  }
  return parseJsonTemplate(messageType, parseTemplateJson(content))
}

function parseJsonTemplate(messageType: MessageType, value: unknown): Part {
  const [first, ...others] = shapeIssues(messageType, value)
  if (first) throw new TemplateError(first, ...others)
  const issues: TemplateIssue[] = []
  const root = toPart(value, '', optionalKeys(messageType), issues)
  const [firstText, ...otherTexts] = issues
  if (firstText) throw new TemplateError(firstText, ...otherTexts)
  return root
}

/** The shape is that of the rendered content, where a string with tags may become whatever its place asks for. */
function shapeIssues(messageType: MessageType, value: unknown): TemplateIssue[] {
  if (isNestedDeeperThan(value, MAX_JSON_NESTING)) return [{ reason: 'the JSON is nested too deeply' }]
  return contentFaults(messageType, withoutTags(value)).map(({ path, message }) => ({ path, reason: message }))
}

function withoutTags(value: unknown): unknown {
  if (typeof value === 'string') return value.includes('${') ? 'any://thing' : value
  if (Array.isArray(value)) return value.map(withoutTags)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withoutTags(child)]))
}

/** Only for values of the right shape: goes down as deep as they do. */
function toPart(value: unknown, path: string, optional: readonly string[], issues: TemplateIssue[]): Part {
  if (typeof value === 'string') return toText(value, path, optional.includes(path), issues)
  if (Array.isArray(value)) {
    return { kind: 'array', items: value.map((item, index) => toPart(item, `${path}.${index}`, optional, issues)) }
  }
  if (typeof value !== 'object' || value === null) return { kind: 'constant', value }
  const entries = Object.entries(value).map(
    ([key, child]) => [key, toPart(child, path === '' ? key : `${path}.${key}`, optional, issues)] as const,
  )
  return { kind: 'object', entries }
}

function toText(text: string, path: string, optional: boolean, issues: TemplateIssue[]): TextPart {
  try {
    return { kind: 'text', path, optional, nodes: parseNodes(text) }
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    issues.push(...error.issues.map((issue) => ({ ...issue, path })))
    return { kind: 'text', path, optional, nodes: [] }
  }
}
