import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { newSigningSecret, webhookHeaders } from './signature.ts'

const content = {
  id: 'mc_7_1',
  timestamp: Math.floor(Date.now() / 1000),
  body: '{"type":"message.finished","名":"价"}',
}

test('an independent implementation of Standard Webhooks takes the headers, by each of the secrets and no other', () => {
  const secrets = [newSigningSecret(), newSigningSecret()]
  const headers = webhookHeaders(content, secrets)
  for (const secret of secrets)
    expect(new Webhook(secret).verify(content.body, headers)).toEqual(JSON.parse(content.body))
  expect(() => new Webhook(newSigningSecret()).verify(content.body, headers)).toThrow()
  expect(() => new Webhook(secrets[0] ?? '').verify(`${content.body} `, headers)).toThrow()
  expect(() => new Webhook(secrets[0] ?? '').verify(content.body, { ...headers, 'webhook-id': 'mc_7_2' })).toThrow()
})

test('the example of the specification', () => {
  const headers = webhookHeaders(
    { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1614265330, body: '{"test": 2432232314}' },
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  )
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

test('a secret is whsec_ and the base64 of 32 random bytes', () => {
  const secret = newSigningSecret()
  expect(Buffer.from(secret.replace(/^whsec_/, ''), 'base64')).toHaveLength(32)
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  expect(newSigningSecret()).not.toBe(secret)
})
