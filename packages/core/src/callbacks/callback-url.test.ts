import { expect, test } from 'vitest'
import { createAddressRules } from './address-rules.ts'
import { callbackUrlFault } from './callback-url.ts'

const fault = (url: string, allowed: string[] = []) => callbackUrlFault(url, createAddressRules(allowed))

test.each([
  'https://example.com/hook',
  'http://example.com:8443/hook?token=x#fragment',
  'https://8.8.8.8/',
  'https://[2606:4700::1111]/',
  // Where a name leads is looked at when the callback connects.
  'https://intranet/hook',
])('%s may be tried', (url) => expect(fault(url)).toBeUndefined())

test.each([
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0177.0.0.1/',
  'http://127.0.0.1./',
  'http://①②⑦.0.0.1/',
  'http://%31%32%37.0.0.1/',
  'http://169.254.169.254/latest/meta-data',
  'http://[::1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://0/',
  'http://localhost/',
  'http://LOCALHOST./',
  'http://a.localhost:8080/',
])('%s names an inner address, however it is written', (url) => {
  expect(fault(url)).toBe('names an address that callbacks may not reach')
})

test('user names and passwords, other protocols and what is no URL are refused', () => {
  expect(fault('https://user:secret@example.com/')).toContain('user name or password')
  expect(fault('https://user@example.com/')).toContain('user name or password')
  for (const url of ['ftp://example.com', 'https://', 'http://a b/', 'http://[fe80::1%25eth0]/', 'gopher://x'])
    expect(fault(url)).toContain('must be a URL')
})

test('an inner address that the operator allows may be tried, and its name', () => {
  expect(fault('http://127.0.0.1:8080/', ['127.0.0.0/8'])).toBeUndefined()
  expect(fault('http://localhost:8080/', ['127.0.0.0/8'])).toBeUndefined()
  expect(fault('http://10.0.0.1/', ['127.0.0.0/8'])).toBeDefined()
})
