import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import { findExecutable } from '@message-center/devkit/services/find-server.ts'
import { type MysqlServer, startMysql } from '@message-center/devkit/services/mysql.ts'
import { type RedisServer, startRedis } from '@message-center/devkit/services/redis.ts'
import { workspaceRoot } from '@message-center/devkit/services/workspace.ts'
import { type ApiCaller, createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { received, textOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, test } from 'vitest'

/*
 * The back-up and restore of docs/operations.md, by the very commands that stand there: a dump while messages flow, more
 * messages, then everything is lost but the dump.
 */

const ROBOT = 'restored'
const folder = mkdtempSync(join(tmpdir(), 'restore-'))
const backupFile = join(folder, 'backup.sql.gz')
const servers: (MysqlServer | RedisServer)[] = []
let before: TestSystem
let after: TestSystem

beforeAll(async () => {
  before = await startTestSystem({
    ...(await freshServers('before')),
    workers: 2,
    variables: { SEND_TIMEOUT_MS: '2000' },
  })
  await before.sandbox.client.settings({ latencyMs: 30 })
  const call = before.caller()
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: ROBOT } })
  await createConfig(call, 'LOCAL', { configJson: { recipients: ['${userId}'] } })
  for (const channelType of ['WECHAT_WORK', 'LOCAL']) await createTemplate(call, 'ORDER', channelType)
})
afterAll(async () => {
  await after?.stop()
  for (const server of servers) await server.stop('SIGKILL')
  rmSync(folder, { recursive: true })
})

async function freshServers(name: string): Promise<{ databaseUrl: string; redisUrl: string }> {
  const [mysql, redis] = await Promise.all([
    startMysql({ dir: join(folder, name, 'mysql') }),
    startRedis({ dir: join(folder, name, 'redis') }),
  ])
  servers.push(mysql, redis)
  return { databaseUrl: mysql.url, redisUrl: redis.url }
}

/** Runs the commands that stand in the document behind the mark that names this file. */
async function runDocumented(what: string, variables: Record<string, string>): Promise<void> {
  const text = readFileSync(join(workspaceRoot, 'docs/operations.md'), 'utf8')
  const mark = `<!-- run by apps/worker/test/restore.ops.test.ts: ${what} -->\n\`\`\`sh\n`
  const commands = text.split(mark)[1]?.split('```')[0]
  if (commands === undefined) throw new Error(`docs/operations.md has no commands marked ${what}`)
  const { hostname, port, username, password, pathname } = new URL(variables.DATABASE_URL ?? '')
  await promisify(execFile)('bash', ['-e', '-c', commands], {
    cwd: workspaceRoot,
    env: {
      ...process.env,
      ...variables,
      ...{ DB_HOST: hostname, DB_PORT: port, DB_USER: username, DB_NAME: pathname.slice(1), MYSQL_PWD: password },
      BACKUP_FILE: backupFile,
      MYSQLDUMP: findExecutable(['mysqldump', 'mariadb-dump']) ?? '',
      MYSQL: findExecutable(['mysql', 'mariadb']) ?? '',
    },
  })
}

/** Posts batches until told to stop; answers the ids that were accepted. */
function postOn(call: ApiCaller, prefix: string) {
  const accepted: string[] = []
  let going = true
  const posting = (async () => {
    for (let number = 0; going; number++) {
      const ids = Array.from({ length: 20 }, (_, index) => `${prefix}-${number}-${index}`)
      const { status } = await call('POST', '/api/messages/batch', ids.map(message))
      if (status === 202) accepted.push(...ids)
      await delay(30)
    }
  })()
  return async () => {
    going = false
    await posting
    return accepted
  }
}

const message = (messageId: string) => ({
  messageId,
  businessType: 'ORDER',
  businessData: { orderNo: messageId, userId: messageId },
})

/** How often the robot got which message so far. */
async function sends(): Promise<Map<string, number>> {
  const texts = (await received(before.sandbox, ROBOT)).map((each) => textOf(each).slice('ORDER '.length))
  return new Map([...Map.groupBy(texts, (id) => id)].map(([id, all]) => [id, all.length]))
}

/** What the dump knows, read before anybody has worked on it. */
async function knownToDump(databaseUrl: string) {
  const connection = await connectDatabase({ databaseUrl, databaseSsl: 'off', databaseSslCa: undefined })
  const ids = async (sql: string) =>
    new Set((await connection.query<RowDataPacket[]>(sql))[0].map((row) => row.message_id))
  try {
    return {
      all: await ids('SELECT message_id FROM msg_message'),
      open: await ids('SELECT message_id FROM msg_message WHERE finish_time IS NULL'),
      sent: await ids(
        "SELECT message_id FROM msg_channel_task WHERE status = 'SUCCESS' AND channel_type = 'WECHAT_WORK'",
      ),
    }
  } finally {
    await connection.end()
  }
}

async function newestTaskId(system: TestSystem): Promise<bigint> {
  const [[row]] = await system.pool.query<RowDataPacket[]>('SELECT MAX(id) AS id FROM msg_channel_task')
  return BigInt(row?.id)
}

test('restored into a fresh server with an empty Redis, the system goes on: what the dump knew as open becomes final, what it knew as sent is not sent again', async () => {
  const stopPosting = postOn(before.caller(), 'm')
  await until('messages to flow', async () => (await sends()).size > 100)
  await runDocumented('back-up', before.variables)
  const soFar = (await sends()).size
  await until('more to flow', async () => (await sends()).size > soFar + 100)
  const newestBefore = await newestTaskId(before)
  const accepted = await stopPosting()
  await Promise.all([...before.apis, ...before.workers].map((app) => app.stop('SIGKILL')))
  for (const server of servers.splice(0)) await server.stop('SIGKILL')
  const sentBefore = await sends()

  const urls = await freshServers('after')
  const name = new URL(before.variables.DATABASE_URL ?? '').pathname
  const databaseUrl = new URL(name, urls.databaseUrl).href
  const variables = { ...before.variables, DATABASE_URL: databaseUrl, REDIS_URL: urls.redisUrl }
  await runDocumented('restore', variables)
  const dump = await knownToDump(databaseUrl)
  expect(dump.all.size).toBeGreaterThan(100)
  expect(dump.open.size).toBeGreaterThan(0)
  expect(accepted.length).toBeGreaterThan(dump.all.size)
  after = await startTestSystem({ ...urls, workers: 2, variables })

  // Its keys are those of before.
  const call = createApiCaller(after.apis[0]?.url ?? '', before.token())
  for (const id of dump.all) expect(await finalMessage(call, id)).toMatchObject({ status: 'SUCCESS' })
  const again = await sends()
  const sentSince = (id: string) => (again.get(id) ?? 0) - (sentBefore.get(id) ?? 0)
  expect([...dump.sent].filter((id) => sentSince(id) > 0)).toEqual([])
  for (const id of dump.all) expect(again.get(id)).toBeGreaterThanOrEqual(1)
  // What the dump did not know as sent is sent once more and no oftener.
  const doubled = [...dump.all].filter((id) => (again.get(id) ?? 0) > 1)
  expect(doubled.filter((id) => dump.sent.has(id) || sentSince(id) > 1)).toEqual([])

  // What came after the dump is lost, as the document says, and may be posted again.
  const lost = accepted.filter((id) => !dump.all.has(id))
  expect((await call('GET', `/api/messages/${lost[0]}`)).status).toBe(404)
  expect((await call('POST', '/api/messages', message(lost[0] ?? ''))).status).toBe(202)
  await finalMessage(call, lost[0] ?? '')
  expect(await newestTaskId(after)).toBeGreaterThan(newestBefore)
  process.stdout.write(
    `accepted ${accepted.length}, in the dump ${dump.all.size} (${dump.open.size} not final), lost ${lost.length}, sent twice ${doubled.length}\n`,
  )
})
