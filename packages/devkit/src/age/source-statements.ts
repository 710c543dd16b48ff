import { globSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { workspaceRoot } from '../services/workspace.ts'

/** A statement as it stands in the source: its parts between placeholders and what is put in. */
export interface SourceStatement {
  /** `packages/core/src/messages/overdue.ts:61` */
  place: string
  parts: string[]
}

const SOURCES = ['apps/*/src/**/*.ts', 'packages/core/src/**/*.ts']
/** A string that begins as a statement does. A template may hold others in `${}`; those do not end it. */
const LITERAL =
  /(['"`])(\(?\s*(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\s(?:\\.|\$\{(?:[^{}`]|\{[^{}]*\})*\}|(?!\1)[^\\])*)\1/g
const DATA_ONLY = /^\(?\s*(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\s/
const READS_NO_TABLE = /^SELECT (?:@@|VERSION\(\))/
/** What is too short says nothing. */
const TELLING = 12

/** Every statement that is written out in the sources of the API, the worker and core. Those that Drizzle builds are not. */
export function sourceStatements(): SourceStatement[] {
  const files = globSync(SOURCES, { cwd: workspaceRoot }).filter((file) => !/\.test\.ts$|generated/.test(file))
  return files.flatMap((file) => {
    const text = readFileSync(`${workspaceRoot}/${file}`, 'utf8')
    return [...text.matchAll(LITERAL)].flatMap(({ 2: literal = '', index }) => {
      if (!DATA_ONLY.test(literal) || READS_NO_TABLE.test(literal)) return []
      const place = `${relative('.', file)}:${text.slice(0, index).split('\n').length}`
      const parts = literal
        .replaceAll(/\$\{(?:[^{}`]|\{[^{}]*\})*\}/g, '\0')
        .split(/\0|\?/)
        .map((part) => part.replace(/\\(.)/g, '$1').replace(/\s+/g, ' ').trim())
        .filter((part) => part.length >= TELLING)
      return parts.length > 0 ? [{ place, parts }] : []
    })
  })
}

/** Whether a statement that was sent is this one: it has all its parts, in their order. */
export function isSent({ parts }: SourceStatement, sent: string): boolean {
  let from = 0
  return parts.every((part) => {
    const at = sent.indexOf(part, from)
    from = at + part.length
    return at >= 0
  })
}
