import { readFileSync } from 'node:fs'

/** The last lines of a log file, each indented; a placeholder when there are none. */
export function logTail(file: string | undefined, lines = 15): string {
  if (file === undefined) return '    (no log)'
  const text = readFileSync(file, 'utf8').trimEnd()
  if (text === '') return `    (${file} is empty)`
  const tail = text.split('\n').slice(-lines)
  return tail.map((line) => `    ${line}`).join('\n')
}
