import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { MessageDetail, MessageSummary } from '@message-center/core/contracts/messages.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import { maintainPartitions } from '@message-center/core/schema/maintain-partitions.ts'
import { monthStart, PARTITIONED_TABLES, partitionName } from '@message-center/core/schema/partitions.ts'
import { signToken } from '@message-center/devkit/demo/token.ts'
import { workspaceRoot } from '@message-center/devkit/services/workspace.ts'
import { type ApiCaller, createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { received, textOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const DAY_S = 86_400
const HOUR_MS = 3_600_000
const midnight = monthStart(new Date(), 1).getTime()

const folder = mkdtempSync(join(tmpdir(), 'month-end-'))
const clockFile = join(folder, 'clock')
let shiftMs = 0
let system: TestSystem
let call: ApiCaller
/** Of a process whose clock is moved. */
let moved: Record<string, string>

/** Sets the clock of API and worker; it goes on from there. */
function setClock(time: number): void {
  shiftMs = time - Date.now()
  writeFileSync(clockFile, String(shiftMs))
}

const clock = () => Date.now() + shiftMs

beforeAll(async () => {
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    apis: 0,
    workers: 0,
    variables: { SEND_TIMEOUT_MS: '4000' },
  })
  moved = {
    NODE_OPTIONS: `--import=${join(workspaceRoot, 'packages/devkit/src/chaos/clock-shift.ts')}`,
    CHAOS_CLOCK_FILE: clockFile,
  }
  setClock(midnight - HOUR_MS)
  const [api] = await Promise.all([system.startApi(moved), system.startWorker(moved)])
  const claims = { sub: 'tester', tenantId: '1', roles: ['admin', 'sender', 'viewer'] as const }
  const token = signToken(system.variables.JWT_SECRET ?? '', { ...claims, roles: [...claims.roles] }, 40 * DAY_S)
  call = createApiCaller(api.url, token)
  for (const [channelType, configJson] of [
    ['WECHAT_WORK', { mode: 'robot', key: 'month-end' }],
    ['LOCAL', { recipients: ['${userId}'] }],
  ] as const) {
    await createConfig(call, channelType, { configJson, retry: { max: 3, initialDelayMs: 3_000 } })
    await createTemplate(call, 'ORDER', channelType)
  }
})
afterAll(async () => {
  await system.stop()
  rmSync(folder, { recursive: true })
})

async function post(messageId: string, attributes: object = {}): Promise<string> {
  const businessData = { orderNo: messageId, userId: 'u1' }
  const { status } = await call('POST', '/api/messages', { messageId, businessType: 'ORDER', businessData, attributes })
  expect(status).toBe(202)
  return messageId
}

const fault = (
  contentIncludes: string,
  kind: { kind: 'slow'; ms: number } | { kind: 'errcode'; errcode: number },
  times = 1,
) => system.sandbox.client.addFault({ match: { token: 'month-end', contentIncludes }, fault: kind, times })

/** The messages of a month by its partition. */
async function idsIn(table: string, partition: string): Promise<Set<string>> {
  const [rows] = await system.pool.query<RowDataPacket[]>(`SELECT message_id FROM ${table} PARTITION (${partition})`)
  return new Set(rows.map((row) => row.message_id))
}

test('around midnight of a month’s end: each message lies in the month of its acceptance with its tasks, and what is under way is still found, also after the worker was killed', async () => {
  await fault('in-flight', { kind: 'slow', ms: 3_000 })
  await fault('tried-again', { kind: 'errcode', errcode: -1 })
  await fault('killed', { kind: 'slow', ms: 3_500 }, 2)
  setClock(midnight - 2_000)
  // The processes look at their clocks ten times a second.
  await delay(200)
  const ids = [await post('in-flight'), await post('tried-again')]
  ids.push(await post('at-its-time', { sendAt: new Date(midnight + 1_500).toISOString() }))
  while (clock() < midnight + 1_000) {
    ids.push(await post(`edge-${ids.length}`))
    await delay(50)
  }

  // A clock that is set back: last month's again, with what is being sent when its worker dies in the new month.
  setClock(midnight - 2_000)
  await delay(200)
  ids.push(await post('killed'))
  await until('it to be under way', async () => {
    const { body } = await call<MessageDetail>('GET', '/api/messages/killed')
    return clock() > midnight && body.tasks.some(({ status }) => status === 'SENDING')
  })
  await system.workers[0]?.stop('SIGKILL')
  await system.startWorker(moved)

  for (const id of ids) expect(await finalMessage(call, id)).toMatchObject({ status: 'SUCCESS', tasks: { length: 2 } })
  const sends = Map.groupBy(
    (await received(system.sandbox, 'month-end')).filter(({ delivered }) => delivered),
    textOf,
  )
  for (const id of ids)
    expect([id, sends.get(`ORDER ${id}`)?.length]).toEqual([id, id === 'killed' ? expect.any(Number) : 1])

  const months = [partitionName(new Date(midnight - 1)), partitionName(new Date(midnight))]
  const inMonths = await Promise.all(months.map((month) => idsIn('msg_message', month)))
  for (const part of inMonths) expect(part.size).toBeGreaterThan(1)
  expect(inMonths.flatMap((part) => [...part]).sort()).toEqual(ids.toSorted())
  for (const [index, month] of months.entries()) expect(await idsIn('msg_channel_task', month)).toEqual(inMonths[index])
  for (const table of PARTITIONED_TABLES) expect(await idsIn(table, 'pmax')).toEqual(new Set())
})

test('the list goes across the border, in order', async () => {
  const times = async (query: string) => {
    const { body } = await call<Page<MessageSummary>>('GET', `/api/messages?pageSize=200&${query}`)
    return body.items.map(({ createTime }) => Date.parse(createTime))
  }
  const [all, before, after] = await Promise.all([
    times(''),
    times(`createdTo=${new Date(midnight - 1_000).toISOString()}`),
    times(`createdFrom=${new Date(midnight).toISOString()}`),
  ])
  expect(all).toEqual(all.toSorted((a, b) => b - a))
  expect([...after, ...before]).toEqual(all)
  expect(Math.min(before.length, after.length)).toBeGreaterThan(1)
})

test('the new month’s run makes the next one and drops the oldest, while messages go on', async () => {
  const connection = await connectDatabase({
    databaseUrl: system.variables.DATABASE_URL ?? '',
    databaseSsl: 'off',
    databaseSslCa: undefined,
  })
  const ids: string[] = []
  const posting = (async () => {
    for (let number = 0; number < 20; number++) ids.push(await post(`meanwhile-${number}`))
  })()
  const report = await maintainPartitions(connection, { now: new Date(clock()), retentionMonths: 12 })
  await posting
  await connection.end()
  const both = (offset: number) =>
    PARTITIONED_TABLES.map((table) => `${table}.${partitionName(monthStart(new Date(midnight), offset))}`)
  expect(report).toMatchObject({ added: both(3), dropped: both(-13), busy: [], kept: [], lost: [] })
  for (const id of ids) expect(await finalMessage(call, id)).toMatchObject({ status: 'SUCCESS' })
})
