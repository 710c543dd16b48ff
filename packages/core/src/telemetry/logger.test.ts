import { expect, test } from 'vitest'
import { createLogger } from './logger.ts'

function logged(fields: object, text = 'something happened') {
  const lines: string[] = []
  createLogger('test', 'info', { write: (line) => void lines.push(line) }).info(fields, text)
  return lines
}

test('a line is one JSON object with level, time, service and text', () => {
  const [line = '', ...more] = logged({ tenantId: '7', messageId: 'order-1' })
  expect(more).toEqual([])
  expect(line.endsWith('}\n')).toBe(true)
  expect(JSON.parse(line)).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    service: 'test',
    tenantId: '7',
    messageId: 'order-1',
    msg: 'something happened',
  })
})

test.each([
  ['at the top', { accessToken: 'hunter2-secret' }],
  ['below', { config: { appSecret: 'hunter2-secret' } }],
  ['far below, in a list', { a: { b: { c: [{ d: { password: 'hunter2-secret' } }] } } }],
  ['as an object', { configJson: { robot: { anything: 'hunter2-secret' } } }],
  ['in an error', { err: Object.assign(new Error('no'), { token: 'hunter2-secret' }) }],
  ['in a URL within a text', { err: new Error('GET https://x/send?access_token=hunter2-secret failed') }],
  ['with quotes and line ends in it', { secret: 'a"b\\\nhunter2-secret' }],
])('a secret never reaches a line: %s', (_where, fields) => {
  const [line = ''] = logged(fields)
  expect(line).not.toContain('hunter2')
  expect(line).toContain('******')
  expect(JSON.parse(line)).toMatchObject({ msg: 'something happened' })
  expect(line.endsWith('}\n')).toBe(true)
})

test('a text that speaks of a key stays as it is', () => {
  const [line = ''] = logged({ note: 'set "token": first' }, 'the "key": is missing')
  expect(JSON.parse(line)).toMatchObject({ note: 'set "token": first', msg: 'the "key": is missing' })
})
