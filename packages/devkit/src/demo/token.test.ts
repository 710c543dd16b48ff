import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { signToken } from './token.ts'

test('signs the claims with HS256 and gives them an end', () => {
  const token = signToken('secret', { sub: 'demo', tenantId: '1', roles: ['sender'] }, 60)
  const [header = '', claims = '', signature] = token.split('.')
  const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  expect(decode(header)).toEqual({ alg: 'HS256', typ: 'JWT' })
  const { iat, exp, ...rest } = decode(claims)
  expect(rest).toEqual({ sub: 'demo', tenantId: '1', roles: ['sender'] })
  expect(exp - iat).toBe(60)
  expect(signature).toBe(createHmac('sha256', 'secret').update(`${header}.${claims}`).digest('base64url'))
})
