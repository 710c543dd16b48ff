import { faultAt } from './template-error.ts'

/**
 * Parses the JSON around a template's texts.
 * @throws TemplateError with the line and column at which it stops being JSON
 */
export function parseTemplateJson(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw faultAt(content, faultOffset(content), `not valid JSON: ${withoutPlace(error.message)}`)
  }
}

/** Whether a MARKDOWN template is the JSON form: an object with no key but `title` and `text`, and a text that is a string. */
export function isMarkdownJson(content: string): boolean {
  if (!content.trimStart().startsWith('{')) return false
  try {
    const value: unknown = JSON.parse(content)
    return hasMarkdownKeys(value)
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function hasMarkdownKeys(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('text' in value) || typeof value.text !== 'string') return false
  return Object.keys(value).every((key) => key === 'title' || key === 'text')
}

/** V8 gives no position for an unexpected token; it is where the longest piece ends that more text could still make valid. */
function faultOffset(content: string): number {
  let valid = 0
  let invalid = content.length + 1
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1
    if (couldGoOn(content.slice(0, middle))) valid = middle
    else invalid = middle
  }
  return valid
}

function couldGoOn(start: string): boolean {
  try {
    JSON.parse(start)
    return true
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    if (error.message.startsWith('Unexpected end')) return true
    return Number(/at position (\d+)/.exec(error.message)?.[1]) >= start.length
  }
}

function withoutPlace(message: string): string {
  return message.replace(/ in JSON at position .*$/s, '').replace(/, (?:\.\.\.)?".*$/s, '')
}
