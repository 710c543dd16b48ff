import { expect, test } from 'vitest'
import { redact } from './redact.ts'

test.each([
  [
    'a URL',
    'POST https://h/robot/send?access_token=abc123&timestamp=1&sign=a%2Bb%3D failed',
    'POST https://h/robot/send?access_token=******&timestamp=1&sign=****** failed',
  ],
  ['a URL in JSON', '{"u":"/send?key=12-34","n":1}', '{"u":"/send?key=******","n":1}'],
  ['escaped JSON', '?access_token=abc\\u0026sign=xy', '?access_token=******\\u0026sign=******'],
  ['a signing secret', 'by whsec_ab/C+1== or', 'by whsec_****** or'],
  ['markup', '<a href="/x?KEY=zz">', '<a href="/x?KEY=******">'],
])('takes credentials out of %s', (_, text, expected) => {
  expect(redact(text, [])).toBe(expected)
})

test('takes known secrets out wherever they stand, plain or encoded, the longest first', () => {
  const text = 'no robot SEC/abc+1 (SEC%2Fabc%2B1) SEC/abc+1-long'
  expect(redact(text, ['SEC/abc+1', 'SEC/abc+1-long'])).toBe('no robot ****** (******) ******')
})

test('leaves ordinary text and short values alone', () => {
  expect(redact('keywords not in content, key: a, monkey=1', ['a', ''])).toBe(
    'keywords not in content, key: a, monkey=1',
  )
})
