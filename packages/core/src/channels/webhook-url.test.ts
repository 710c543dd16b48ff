import { describe, expect, test } from 'vitest'
import { endpointOf, webhookCredential, webhookFault } from './webhook-url.ts'

describe('endpointOf', () => {
  test.each([
    ['https://oapi.dingtalk.com', 'https://oapi.dingtalk.com/robot/send'],
    ['https://oapi.dingtalk.com/', 'https://oapi.dingtalk.com/robot/send'],
    ['http://127.0.0.1:4010/dingtalk', 'http://127.0.0.1:4010/dingtalk/robot/send'],
    ['http://127.0.0.1:4010/a/dingtalk//', 'http://127.0.0.1:4010/a/dingtalk/robot/send'],
    ['HTTPS://OAPI.Example.com:443', 'https://oapi.example.com/robot/send'],
  ])('%s', (baseUrl, expected) => {
    expect(endpointOf(baseUrl, '/robot/send')).toBe(expected)
  })

  test('a base URL that is not absolute is an error at start', () => {
    expect(() => endpointOf('oapi.dingtalk.com', '/robot/send')).toThrow(TypeError)
  })
})

const rule = {
  endpoints: ['http://127.0.0.1:4010/dingtalk/robot/send', 'https://oapi.dingtalk.com/robot/send'],
  parameter: 'access_token',
}

describe('webhookFault', () => {
  test.each([
    'https://oapi.dingtalk.com/robot/send?access_token=abc',
    'http://127.0.0.1:4010/dingtalk/robot/send?access_token=abc',
    'https://oapi.dingtalk.com/robot/send?access_token=a%2Bc&timestamp=1&sign=x%3D',
  ])('takes %s', (webhook) => {
    expect(webhookFault(webhook, rule)).toBeUndefined()
  })

  test.each([
    'https://oapi.dingtalk.com@evil.com/robot/send?access_token=abc',
    'https://oapi.dingtalk.com:x@evil.com/robot/send?access_token=abc',
    'https://user@oapi.dingtalk.com/robot/send?access_token=abc',
    'https://oapi.dingtalk.com.evil.com/robot/send?access_token=abc',
    'https://oapi.dingtalk.com./robot/send?access_token=abc',
    'https://evil.com/https://oapi.dingtalk.com/robot/send?access_token=abc',
    'https://evil.com\\@oapi.dingtalk.com/robot/send?access_token=abc',
    'https:\\\\oapi.dingtalk.com\\robot\\send?access_token=abc',
    'https:oapi.dingtalk.com/robot/send?access_token=abc',
    '//oapi.dingtalk.com/robot/send?access_token=abc',
    'https://OAPI.DINGTALK.COM/robot/send?access_token=abc',
    'HTTPS://oapi.dingtalk.com/robot/send?access_token=abc',
    'https://oapi.dingtalk.com:443/robot/send?access_token=abc',
    'https://oapi.dingtalk.com:8443/robot/send?access_token=abc',
    'http://oapi.dingtalk.com/robot/send?access_token=abc',
    'file:///robot/send?access_token=abc',
    'javascript:alert(1)',
    'http://127.0.0.1:4011/dingtalk/robot/send?access_token=abc',
    'http://127.1:4010/dingtalk/robot/send?access_token=abc',
    'http://127.0.0.1:4010/robot/send?access_token=abc',
    'http://127.0.0.1:4010/dingtalk/../robot/send?access_token=abc',
    'https://oapi.dingtalk.com/robot/sendbox?access_token=abc',
    'https://oapi.dingtalk.com/robot/send/../../gettoken?access_token=abc',
    'https://oapi.dingtalk.com/robot/%73end?access_token=abc',
    'https://oapi.dingtalk.com//robot/send?access_token=abc',
    'https://oapi.dingtalk.com/robot/send#?access_token=abc',
    ' https://oapi.dingtalk.com/robot/send?access_token=abc',
    'https://oapi.dingtalk.com\t/robot/send?access_token=abc',
    '',
  ])('refuses the address of %j', (webhook) => {
    expect(webhookFault(webhook, rule)).toMatch(/^must begin with .*127\.0\.0\.1.* or https:\/\/oapi\.dingtalk\.com/)
  })

  test.each([
    'https://oapi.dingtalk.com/robot/send?',
    'https://oapi.dingtalk.com/robot/send?access_token=',
    'https://oapi.dingtalk.com/robot/send?key=abc',
    'https://oapi.dingtalk.com/robot/send?access_token=a&access_token=b',
    'https://oapi.dingtalk.com/robot/send?access_token=a&access%5Ftoken=b',
  ])('refuses %s for its access_token', (webhook) => {
    expect(webhookFault(webhook, rule)).toBe('must hold access_token once')
  })

  test.each(['abc#@evil.com', 'abc def', 'abc\n', 'abc\r\nHost: evil', 'abc\\', 'ａｂｃ', 'a@evil.com', '/../x'])(
    'refuses the query value %j',
    (value) => {
      expect(webhookFault(`https://oapi.dingtalk.com/robot/send?access_token=${value}`, rule)).toMatch(/characters/)
    },
  )

  test('the fault never repeats the webhook, which holds a credential', () => {
    expect(webhookFault('https://evil.com/?access_token=s3cr3t', rule)).not.toContain('s3cr3t')
  })
})

test('webhookCredential', () => {
  expect(webhookCredential('https://h/robot/send?access_token=a%2Bb', 'access_token')).toBe('a+b')
})
