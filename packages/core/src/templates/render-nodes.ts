import { qualifiedName } from './names.ts'
import type { Node } from './nodes.ts'
import { TemplateRenderError } from './render-error.ts'

/** The size of `msg_channel_task.rendered_content`, in UTF-8 bytes. */
export const MAX_RENDERED_BYTES = 65_535
/**
 * Sections inside sections over the same list multiply, and so does looking up long names through all of them: this is
 * where it stops, within a tenth of a second and far beyond any real message.
 */
const MAX_STEPS = 1_000_000

/** What the renderings of a template's texts have gathered so far. */
export interface Findings {
  missing: Set<string>
  /** Variable → what it is instead of something that can be printed: `an object`. */
  unprintable: Map<string, string>
  steps: number
  length: number
}

/** A value that names are looked up in, and those around it. */
export interface Frame {
  value: unknown
  /** The name of the section it comes from (`items[]`), for `Findings`; empty at the root. */
  section: string
  parent: Frame | undefined
}

/**
 * Renders nodes; what cannot be printed is gathered in `findings` and rendering goes on, so that all of it is found.
 *
 * Names are looked up from the innermost section outwards, in the objects' own enumerable properties only: never in
 * prototypes, nor in strings or numbers. A name that is nowhere, or null, is missing. A section over such a name, false, 0, an
 * empty string or list renders nothing. Functions are never called.
 * @throws TemplateRenderError when the result gets too long or takes too many steps
 */
export function renderNodes(nodes: readonly Node[], frame: Frame, findings: Findings): string {
  let out = ''
  for (const node of nodes) {
    countStep(findings)
    if (node.kind === 'section') {
      out += renderSection(node, frame, findings)
      continue
    }
    const text = node.kind === 'text' ? node.text : printed(node, frame, findings)
    countLength(findings, text.length)
    out += text
  }
  return out
}

function renderSection(node: Node & { kind: 'section' }, frame: Frame, findings: Findings): string {
  const value = lookup(frame, node.path, findings)
  if (isEmpty(value)) return node.inverted ? renderNodes(node.children, frame, findings) : ''
  if (node.inverted) return ''
  if (value === true || typeof value === 'function') return renderNodes(node.children, frame, findings)
  const name = qualifiedName(frame.section, node.name)
  if (!Array.isArray(value)) {
    const section = isContainer(value) ? name : frame.section
    return renderNodes(node.children, { value, section, parent: frame }, findings)
  }
  let out = ''
  const section = `${name}[]`
  for (const item of value) {
    countStep(findings)
    out += renderNodes(node.children, { value: item, section, parent: frame }, findings)
  }
  return out
}

function printed(node: Node & { kind: 'variable' }, frame: Frame, findings: Findings): string {
  const value = lookup(frame, node.path, findings)
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value)
    default:
      if (JSON.isRawJSON(value)) return value.rawJSON
      report(qualifiedName(frame.section, node.name), value, findings)
      return ''
  }
}

function report(name: string, value: unknown, findings: Findings): void {
  if (value === undefined || value === null) findings.missing.add(name)
  else if (Array.isArray(value)) findings.unprintable.set(name, 'a list')
  else findings.unprintable.set(name, typeof value === 'object' ? 'an object' : `a ${typeof value}`)
}

function lookup(frame: Frame, path: readonly string[], findings: Findings): unknown {
  if (path.length === 0) return frame.value
  for (let at: Frame | undefined = frame; at; at = at.parent) {
    const value = valueAt(at.value, path, findings)
    if (value !== undefined) return value
  }
  return undefined
}

function valueAt(value: unknown, path: readonly string[], findings: Findings): unknown {
  let at = value
  for (const key of path) {
    countStep(findings)
    if (!isContainer(at) || !Object.prototype.propertyIsEnumerable.call(at, key)) return undefined
    at = at[key]
  }
  return at
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !JSON.isRawJSON(value)
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  return JSON.isRawJSON(value) ? Number(value.rawJSON) === 0 : !value
}

function countStep(findings: Findings): void {
  findings.steps += 1
  if (findings.steps > MAX_STEPS) {
    const message = 'rendering takes too many steps: sections inside each other over long lists, or long names in them'
    throw new TemplateRenderError('TEMPLATE_RENDER_FAILED', [{ path: '', message }])
  }
}

function countLength(findings: Findings, length: number): void {
  findings.length += length
  if (findings.length > MAX_RENDERED_BYTES) throw tooLong()
}

/** The error for a rendering that the database could not keep. */
export function tooLong(): TemplateRenderError {
  const message = `the rendered content is longer than ${MAX_RENDERED_BYTES} bytes`
  return new TemplateRenderError('CONTENT_TOO_LONG', [{ path: '', message }])
}
