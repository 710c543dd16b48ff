/** Something in the way of a rendering: a variable, or a place in the rendered content. */
export interface RenderProblem {
  /** Variable (`items[].price`) or place in the content (`buttons.0.url`; empty for the content as a whole). */
  path: string
  message: string
}

export type RenderErrorCode = 'TEMPLATE_RENDER_FAILED' | 'CONTENT_TOO_LONG'

/** A template that could not be rendered with the data given. Texts name variables and places, never values. */
export class TemplateRenderError extends Error {
  override readonly name: string = 'TemplateRenderError'
  /** The outcome of message and task; `CONTENT_TOO_LONG` where the result does not fit the database. */
  readonly code: RenderErrorCode
  readonly problems: readonly RenderProblem[]

  constructor(code: RenderErrorCode, problems: readonly RenderProblem[], summary?: string) {
    super(summary ?? problems.map(({ path, message }) => (path ? `${path} ${message}` : message)).join('; '))
    this.code = code
    this.problems = problems
  }
}

/** The data lacks variables; `missing` names all of them, `problems` also has what else was wrong. */
export class MissingVariablesError extends TemplateRenderError {
  override readonly name = 'MissingVariablesError'
  readonly missing: readonly string[]

  constructor(missing: readonly string[], others: readonly RenderProblem[]) {
    const summary = [
      `missing variables: ${missing.join(', ')}`,
      ...others.map(({ path, message }) => `${path} ${message}`),
    ].join('; ')
    super('TEMPLATE_RENDER_FAILED', [...missing.map((path) => ({ path, message: 'is missing' })), ...others], summary)
    this.missing = missing
  }
}
