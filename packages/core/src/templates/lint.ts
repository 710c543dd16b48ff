import type { MessageType } from '../contracts/content.ts'
import type { Node } from './nodes.ts'
import { type ParsedTemplate, parseTemplate, textsOf } from './parse.ts'
import { TemplateError } from './template-error.ts'

export interface LintInput {
  messageType: MessageType
  templateContent: string
  /** The channel's limit of the content in UTF-8 bytes, where it has one. */
  maxBytes?: number
}

/** One reason not to save a template, as the `details` of an error answer want it. */
export interface LintIssue {
  /** `templateContent`, and the place inside its JSON: `templateContent.buttons.0.url`. */
  path: string
  /** Says the line and column too, where they are known. */
  message: string
  line?: number
  column?: number
}

/** Everything that keeps a template from being saved; empty for one that is fine. */
export function lintTemplate({ messageType, templateContent, maxBytes }: LintInput): LintIssue[] {
  try {
    const template = parseTemplate(messageType, templateContent)
    return maxBytes === undefined ? [] : sizeIssues(template, maxBytes)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return error.issues.map(({ reason, line, column, path }) => ({
      path: path ? `templateContent.${path}` : 'templateContent',
      message: line === undefined ? reason : `line ${line}, column ${column}: ${reason}`,
      line,
      column,
    }))
  }
}

function sizeIssues(template: ParsedTemplate, maxBytes: number): LintIssue[] {
  const bytes = textsOf(template.root).reduce((sum, { nodes }) => sum + fixedBytes(nodes), 0)
  if (bytes <= maxBytes) return []
  const message = `the fixed text alone has ${bytes} bytes, the channel takes ${maxBytes}`
  return [{ path: 'templateContent', message }]
}

/** What is sent whatever the data: the text outside all sections. */
function fixedBytes(nodes: readonly Node[]): number {
  return nodes.reduce((sum, node) => sum + (node.kind === 'text' ? Buffer.byteLength(node.text) : 0), 0)
}
