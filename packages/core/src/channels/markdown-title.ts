const MAX_DERIVED_CHARACTERS = 50
const TRAILING_MARKS = '*_` \t\r'
const LEADING_MARKS = `#>${TRAILING_MARKS}`

/** A title on one line. */
export function oneLine(title: string): string {
  return title.replace(/[\r\n]+/g, ' ').trim()
}

/** Whether a markdown text already begins with this title (as a heading, bold or plain): it need not be shown twice. */
export function beginsWithTitle(text: string, title: string): boolean {
  const line = firstLine(text)
  // A much longer line cannot be the title; this keeps the stripping below off huge lines.
  return line.length <= title.length + 20 && stripMarks(line) === oneLine(title)
}

/** A title for a markdown text that has none: its first line without markdown marks, shortened; '' where nothing is left. */
export function titleFromText(text: string): string {
  return [...stripMarks(firstLine(text).slice(0, 4 * MAX_DERIVED_CHARACTERS))].slice(0, MAX_DERIVED_CHARACTERS).join('')
}

function firstLine(text: string): string {
  return text.trimStart().split('\n', 1)[0] ?? ''
}

/** Without the marks at both ends; by hand, since a pattern that ends in `+$` takes quadratic time on long runs of spaces. */
function stripMarks(line: string): string {
  let start = 0
  let end = line.length
  while (start < end && LEADING_MARKS.includes(line.charAt(start))) start += 1
  while (end > start && TRAILING_MARKS.includes(line.charAt(end - 1))) end -= 1
  return line.slice(start, end)
}
