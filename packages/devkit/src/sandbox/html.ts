/** A piece of HTML that is safe to send as it is. */
export interface Html {
  readonly html: string
}

/**
 * Template tag for HTML: every value put in is escaped, unless it is `Html` already.
 * Values stand between tags or in double-quoted attributes.
 */
export function html(strings: TemplateStringsArray, ...values: (string | number | Html | Html[])[]): Html {
  const parts = strings.map((part, index) => part + toHtml(values[index] ?? ''))
  return { html: parts.join('') }
}

function toHtml(value: string | number | Html | Html[]): string {
  if (Array.isArray(value)) return value.map((piece) => piece.html).join('')
  return typeof value === 'object' ? value.html : escapeHtml(String(value))
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
