import { Code } from '@connectrpc/connect'
import type { Client, NewClient } from '@message-center/core/contracts/clients.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { callAsDubbo, grpcClient, java } from './rpc-callers.ts'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => api.stop())

async function newClient(roles = ['sender'], tenantId = '1'): Promise<NewClient> {
  const admin = api.caller({ tenantId, roles: ['admin'] })
  const { status, body } = await admin<NewClient>('POST', '/api/clients', { name: 'orders', roles })
  expect(status).toBe(201)
  return body
}

const send = async (headers: Record<string, string>, fields = {}) => {
  const message = java.message({ businessType: 'A', businessData: {}, ...fields })
  return callAsDubbo(api.rpcUrl, 'sendMessage', [message], headers)
}

test("a client's RPC token sends for its tenant, as Dubbo's attachment and as a bearer token; no other tenant's", async () => {
  const { rpcToken, clientId } = await newClient(['sender'], '42')
  expect(await send({ token: rpcToken }, { messageId: 'token-1' })).toMatchObject({ grpcStatus: 0 })
  expect(await send({ authorization: `Bearer ${rpcToken}` })).toMatchObject({ grpcStatus: 0 })
  const [rows] = await api.pool.query<RowDataPacket[]>(
    "SELECT tenant_id FROM msg_message_key WHERE message_id = 'token-1'",
  )
  expect(rows).toEqual([{ tenant_id: '42' }])
  const other = await grpcClient(api.rpcUrl, { token: rpcToken }).sendMessage({
    tenantId: 1n,
    businessType: 'A',
    businessData: '{}',
  })
  expect(other).toMatchObject({ success: false, errorCode: 'FORBIDDEN' })
  const list = await api.caller({ tenantId: '42', roles: ['admin'] })<{ items: Client[] }>('GET', '/api/clients')
  expect(list.body.items.find((client) => client.clientId === clientId)).not.toHaveProperty('rpcToken')
})

test('a wrong token, an unknown client and a role that may not send are refused', async () => {
  const { rpcToken, clientId } = await newClient()
  const viewer = await newClient(['viewer'])
  const statuses = [
    await send({ token: `${rpcToken}x` }),
    await send({ token: `${clientId}.` }),
    await send({ token: `mc_${'0'.repeat(24)}.mcs_x` }),
    await send({ token: clientId }),
    await send({ token: '' }),
    await send({ token: viewer.rpcToken }),
  ].map(({ grpcStatus }) => grpcStatus)
  expect(statuses).toEqual([16, 16, 16, 16, 16, Code.PermissionDenied])
})

test('who shows too many wrong tokens is no longer listened to, in whose name it be; who has shown a right one is', async () => {
  const [attacked, known] = [await newClient(), await newClient()]
  const from = (address: string, token: string) => send({ token, 'x-forwarded-for': address })
  const statusOf = async (address: string, token: string) => (await from(address, token)).grpcStatus
  expect(await statusOf('203.0.113.7', known.rpcToken)).toBe(0)
  for (let attempt = 0; attempt < 30; attempt++)
    expect(await statusOf('203.0.113.7', `${attacked.rpcToken}x`)).toBe(Code.Unauthenticated)
  expect(await from('203.0.113.7', `${attacked.rpcToken}y`)).toMatchObject({
    grpcStatus: Code.ResourceExhausted,
    grpcMessage: expect.stringContaining('too many failed attempts'),
  })
  expect(await statusOf('203.0.113.7', known.rpcToken)).toBe(0)
  // Elsewhere the attacked client is let in as ever.
  expect(await statusOf('203.0.113.8', attacked.rpcToken)).toBe(0)
})

test('a client that is disabled or deleted is refused within seconds, however often it has called', async () => {
  const admin = api.caller({ roles: ['admin', 'sender'] })
  const { id, rpcToken } = await newClient()
  expect(await send({ token: rpcToken })).toMatchObject({ grpcStatus: 0 })
  await admin('PUT', `/api/clients/${id}`, { name: 'orders', roles: ['sender'], enabled: false })
  await until('the token to stop working', async () => (await send({ token: rpcToken })).grpcStatus === 16)
  await admin('PUT', `/api/clients/${id}`, { name: 'orders', roles: ['sender'], enabled: true })
  await until('the token to work again', async () => (await send({ token: rpcToken })).grpcStatus === 0)
  await admin('DELETE', `/api/clients/${id}`)
  await until('the token to stop working', async () => (await send({ token: rpcToken })).grpcStatus === 16)
})

test('REST does not take RPC tokens: there, tokens are short-lived', async () => {
  const { rpcToken } = await newClient()
  const answer = await fetch(`${api.url}/api/messages`, { headers: { authorization: `Bearer ${rpcToken}` } })
  expect(answer.status).toBe(401)
})
