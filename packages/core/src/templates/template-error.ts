/** One fault of a template, for the person who writes it. */
export interface TemplateIssue {
  reason: string
  /** From 1, within the content, or within the string at `path` once the JSON around it could be read. */
  line?: number
  /** From 1, in UTF-16 units. */
  column?: number
  /** Where in a JSON template: `buttons.0.url`. */
  path?: string
}

/** A template that cannot be parsed. `issues` has all faults, the properties beside it are those of the first. */
export class TemplateError extends Error implements TemplateIssue {
  override readonly name = 'TemplateError'
  readonly issues: readonly TemplateIssue[]
  readonly reason: string
  readonly line: number | undefined
  readonly column: number | undefined
  readonly path: string | undefined

  constructor(first: TemplateIssue, ...others: TemplateIssue[]) {
    super(describe(first))
    this.issues = [first, ...others]
    this.reason = first.reason
    this.line = first.line
    this.column = first.column
    this.path = first.path
  }
}

function describe({ reason, line, column, path }: TemplateIssue): string {
  const place = [path, line === undefined ? undefined : `line ${line}, column ${column}`].filter(Boolean).join(', ')
  return place ? `${place}: ${reason}` : reason
}

/** The fault at an offset of a text, with the offset turned into line and column. */
export function faultAt(text: string, offset: number, reason: string): TemplateError {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return new TemplateError({ reason, line, column: offset - before.lastIndexOf('\n') })
}
