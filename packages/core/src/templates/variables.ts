import { qualifiedName } from './names.ts'
import type { Node } from './nodes.ts'
import { type ParsedTemplate, textsOf } from './parse.ts'

/**
 * The names of all variables and sections of a template, in order of first use, each once. A name inside `${#items}` comes as
 * `items[].name`, the entry itself (`${.}`) as `items[]`: data of that shape always serves, though a name inside a section may
 * also be given further out. An inverted section adds nothing to the names inside.
 */
export function variablesOf(template: ParsedTemplate): string[] {
  const names = new Set<string>()
  for (const { nodes } of textsOf(template.root)) collect(nodes, '', names)
  return [...names]
}

function collect(nodes: readonly Node[], section: string, names: Set<string>): void {
  for (const node of nodes) {
    if (node.kind === 'text') continue
    const name = qualifiedName(section, node.name)
    if (name !== '.') names.add(name)
    if (node.kind === 'section') collect(node.children, node.inverted ? section : `${name}[]`, names)
  }
}
