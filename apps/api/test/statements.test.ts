import { connectDatabase } from '@message-center/core/database/pool.ts'
import { fillAgedData } from '@message-center/devkit/age/aged-data.ts'
import { planFaults } from '@message-center/devkit/age/explain.ts'
import { isSent, sourceStatements } from '@message-center/devkit/age/source-statements.ts'
import { type StatementRecorder, startStatementRecorder } from '@message-center/devkit/testing/statement-recorder.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { useEverything } from './use-everything.ts'

/** Months of them, so that the oldest is due to go. */
const AGED_MESSAGES = 40_000

/** Statements that may read more than they answer, each with the reason why that stays within bounds. */
const MAY_READ: [statement: RegExp, why: string][] = [
  [/^SELECT COUNT\(\*\) AS looked_at, .* LIMIT (100001|20001)\) AS counted$/, 'a total: bounded by its LIMIT'],
  [/^SELECT COUNT\(\*\) AS n FROM \(SELECT 1 FROM msg_\w+ PARTITION \(pmax\)/, 'one partition, empty, with a LIMIT'],
  [/LIMIT 1 OFFSET 10000$/, 'the next remembered place of a list: that many entries of an index, once'],
  [/AS newer FROM/, 'what has come in since a place was remembered: bounded by its LIMIT'],
]

let system: TestSystem
let recorder: StatementRecorder
let sent: string[]
beforeAll(async () => {
  const servers = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
  system = await startTestSystem({ ...servers, apis: 0, workers: 0 })
  await filled()
  recorder = await startStatementRecorder(system.variables.DATABASE_URL ?? '')
  await useEverything(system, { ...system.variables, DATABASE_URL: recorder.databaseUrl })
  sent = recorder.statements()
})
afterAll(async () => {
  await recorder.close()
  await system.stop()
})

function connect() {
  return connectDatabase({
    databaseUrl: system.variables.DATABASE_URL ?? '',
    databaseSsl: 'off',
    databaseSslCa: undefined,
  })
}

async function filled(): Promise<void> {
  const connection = await connect()
  await fillAgedData(connection, { messages: AGED_MESSAGES })
  await connection.end()
}

test('every statement in the sources of API, worker and core was sent by the running system: none is left unexamined', () => {
  const missing = sourceStatements().filter((statement) => !sent.some((text) => isSent(statement, text)))
  expect(missing).toEqual([])
})

test('every statement that the running system sends to tables that have grown goes by an index, and reads about what it answers', async () => {
  expect(sent.length).toBeGreaterThan(200)
  const connection = await connect()
  const faults: unknown[] = []
  try {
    for (const statement of sent) {
      const found = await planFaults(connection, statement)
      if (found.length > 0 && !MAY_READ.some(([excepted]) => excepted.test(statement)))
        faults.push([statement.slice(0, 600), ...found])
    }
  } finally {
    await connection.end()
  }
  expect(faults).toEqual([])
})

test.each([
  ['every row', "SELECT id FROM msg_message WHERE error_code = 'NONE'"],
  ['every row|the whole index', "UPDATE msg_channel_task SET retry_count = 0 WHERE provider_message_id = 'none'"],
  ['the whole index', 'SELECT COUNT(*) FROM msg_message_key FORCE INDEX (ix_create_time) WHERE MONTH(create_time) = 0'],
  [
    'rows read for',
    "SELECT id FROM msg_message WHERE tenant_id = 1 AND error_code = 'NONE' ORDER BY create_time LIMIT 20",
  ],
  ['prepared', 'PREPARE SELECT id FROM msg_message WHERE id = ?'],
])('a statement that reads too much is found out: %s, %s', async (fault, statement) => {
  const connection = await connect()
  expect(await planFaults(connection, statement)).toContainEqual(expect.stringMatching(fault))
  await connection.end()
})
