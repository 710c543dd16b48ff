const MARKS = [
  /^ {0,3}(#{1,6} |>)/m, // heading, quote
  /\[[^\]\n]*\]\([^)\n]*\)/, // link, image
  /(\*{1,3}|~~)\S[^\n]*?\1/, // bold, italic, struck through
  /(^|\W)_{1,2}\S[^\n]*?_{1,2}(\W|$)/, // the same with underscores, but not snake_case
  /`[^`\n]+`|^```/m, // code
  /<\/?(font|@)/i, // colours, mentions
]

/**
 * Whether a text holds markdown that would show raw where only plain text is shown.
 * Meant for short texts (the patterns are not linear in the length of a line).
 */
export function hasMarkdown(text: string): boolean {
  return MARKS.some((mark) => mark.test(text))
}
