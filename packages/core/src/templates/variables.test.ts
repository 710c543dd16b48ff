import { expect, it } from 'vitest'
import type { MessageType } from '../contracts/content.ts'
import { parseTemplate } from './parse.ts'
import { variablesOf } from './variables.ts'

it.each<[MessageType, string, string[]]>([
  ['TEXT', 'nothing ${! here }', []],
  ['TEXT', '${b} ${a.c} ${&b} ${{d}}', ['b', 'a.c', 'd']],
  ['TEXT', '${#items}${name} ${.}${/items}${^items}${note}${/items}', ['items', 'items[].name', 'items[]', 'note']],
  ['TEXT', '${^a}${.}${/a}', ['a']],
  ['TEXT', '${#o}${#l}${#.}${x}${/.}${/l}${/o}', ['o', 'o[].l', 'o[].l[]', 'o[].l[][].x']],
  ['MARKDOWN', '{"title":"${t}","text":"${b}"}', ['t', 'b']],
  ['CARD', '{"title":"${t}","text":"x","buttons":[{"title":"${t}","url":"${u}"}],"vertical":true}', ['t', 'u']],
])('%s %s uses %j', (messageType, content, expected) => {
  expect(variablesOf(parseTemplate(messageType, content))).toEqual(expected)
})
