import type { Content } from '../contracts/content.ts'
import { contentFaults } from './content-faults.ts'
import type { TemplateData } from './data.ts'
import { type ParsedTemplate, type Part, parseTemplate } from './parse.ts'
import { MissingVariablesError, TemplateRenderError } from './render-error.ts'
import { type Findings, type Frame, MAX_RENDERED_BYTES, renderNodes, tooLong } from './render-nodes.ts'

export interface RenderedTemplate {
  /** A string for TEXT, an object for the other types: what an adapter's `send` gets. */
  content: Content
  /** What `msg_channel_task.rendered_content` keeps: the text, or the JSON of the object. */
  renderedContent: string
}

/**
 * Renders a template with the data of one message.
 *
 * Values go in as they are and are not rendered again; numbers print the digits they were sent with; empty strings, 0 and false
 * are values, null is not. An optional `picUrl` or `title` that renders empty is left out. The result is content of the
 * template's message type.
 * @throws MissingVariablesError naming every variable that the data lacks
 * @throws TemplateRenderError for lists and objects where a text should be, content that does not fit its type (an empty title,
 *   a URL without scheme), and content that is too long to be stored
 */
export function renderTemplate(template: ParsedTemplate, data: TemplateData): RenderedTemplate {
  const rendered = renderRoot(template, data)
  const faults = contentFaults(template.messageType, rendered)
  if (faults.length > 0) throw new TemplateRenderError('TEMPLATE_RENDER_FAILED', faults.map(toProblem))
  const content = rendered as Content
  const renderedContent = typeof content === 'string' ? content : JSON.stringify(content)
  if (Buffer.byteLength(renderedContent) > MAX_RENDERED_BYTES) throw tooLong()
  return { content, renderedContent }
}

/**
 * Renders a text that is no content, such as a recipient: it may turn out empty.
 * @throws TemplateError, and as `renderTemplate` does for what the data lacks
 */
export function renderText(text: string, data: TemplateData): string {
  return String(renderRoot(parseTemplate('TEXT', text), data))
}

function renderRoot({ root }: ParsedTemplate, data: TemplateData): unknown {
  const findings: Findings = { missing: new Set(), unprintable: new Map(), steps: 0, length: 0 }
  const rendered = renderPart(root, { value: data, section: '', parent: undefined }, findings)
  refuseFindings(findings)
  return rendered
}

function renderPart(part: Part, root: Frame, findings: Findings): unknown {
  switch (part.kind) {
    case 'text':
      return renderNodes(part.nodes, root, findings)
    case 'constant':
      return part.value
    case 'array':
      return part.items.map((item) => renderPart(item, root, findings))
    case 'object':
      return renderObject(part, root, findings)
  }
}

function renderObject(
  { entries }: Part & { kind: 'object' },
  root: Frame,
  findings: Findings,
): Record<string, unknown> {
  const rendered: Record<string, unknown> = {}
  for (const [key, child] of entries) {
    const value = renderPart(child, root, findings)
    const leftOut = value === '' && child.kind === 'text' && child.optional
    if (!leftOut) rendered[key] = value
  }
  return rendered
}

function refuseFindings({ missing, unprintable }: Findings): void {
  const problems = [...unprintable].map(([path, kind]) => ({ path, message: `is ${kind}, not a text, number or flag` }))
  if (missing.size > 0) throw new MissingVariablesError([...missing], problems)
  if (problems.length > 0) throw new TemplateRenderError('TEMPLATE_RENDER_FAILED', problems)
}

function toProblem({ path, message }: { path: string; message: string }) {
  return { path: path === '' ? 'content' : path, message }
}
