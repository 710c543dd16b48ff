import type { Pool } from 'mysql2/promise'
import { expect, test } from 'vitest'
import { renderText } from '../../templates/render.ts'
import { NOBODY } from '../adapter-test-kit.ts'
import { createLocalAdapter } from './index.ts'

// Nothing here comes as far as the database.
const local = createLocalAdapter({ pool: {} as Pool })
const named = (recipients: string[], data: Record<string, unknown>) =>
  local.resolveRecipients?.({ recipients }, NOBODY, (text) => renderText(text, data)).userIds

test("a config's recipients are filled with the message's data, each once; an empty one is nobody", () => {
  expect(named(['${buyer}', '${seller}', 'clerk'], { buyer: 'u1', seller: 'u1' })).toEqual(['u1', 'clerk'])
  expect(named(['${buyer}', '${seller}'], { buyer: 'u1', seller: '' })).toEqual(['u1'])
  expect(named(['${buyer}'], { buyer: '' })).toEqual([])
  expect(() => named(['${buyer}'], {})).toThrow('missing variables: buyer')
})

test('a recipient that is no template is refused with the config', () => {
  expect(local.checkConfig?.({ recipients: ['${userId}', 'clerk'] })).toEqual([])
  expect(local.checkConfig?.({ recipients: ['clerk', '${userId'] })).toEqual([
    { path: 'recipients.1', message: 'line 1, column 1: tag "${" is never closed by "}"' },
  ])
})
