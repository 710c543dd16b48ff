import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { DEMO_MESSAGE } from './catalogue.ts'
import { welcome } from './welcome.ts'

test('the printed command reaches curl as it is meant when pasted into a shell', () => {
  const lines = welcome({
    apiUrl: 'http://127.0.0.1:3000',
    sandboxUrl: 'http://127.0.0.1:4010',
    workerMetricsUrl: 'http://127.0.0.1:9464',
    opsUser: 'ops',
    opsPassword: 'pass',
    token: 'a.b.c',
    logFolder: '/logs',
  })
  const command = lines.find((line) => line.startsWith('curl ')) ?? ''
  // The shell splits the words; instead of curl, printf shows them.
  const words = execFileSync('sh', ['-c', command.replace('curl', "printf '%s\\n'")], { encoding: 'utf8' }).split('\n')
  expect(words).toContain('http://127.0.0.1:3000/api/messages')
  expect(words).toContain('authorization: Bearer a.b.c')
  expect(JSON.parse(words.at(-2) ?? '')).toEqual(DEMO_MESSAGE)
})
