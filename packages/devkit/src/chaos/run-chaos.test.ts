import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mysqlKill } from './faults/mysql.ts'
import { netReset } from './faults/network.ts'
import { apiKill } from './faults/processes.ts'
import { redisFlush } from './faults/redis.ts'
import { report } from './report.ts'
import { removeFolder } from './rig.ts'
import { runChaos } from './run-chaos.ts'

/** What is over within seconds: a worker that is killed keeps its jobs for the time of their locks (`npm run chaos` waits). */
const KINDS = [apiKill, redisFlush, mysqlKill, { ...netReset, weight: 2 }]

test('the short form of `npm run chaos`: a system that is broken while it is used loses nothing and sends nothing twice without need', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'message-center-chaos-'))
  const lines: string[] = []
  const options = { folder, kinds: KINDS, minutes: 0.08, seed: 1, apis: 2, workers: 2, rate: 30 }
  const result = await runChaos({ ...options, say: (line) => lines.push(line) })
  removeFolder(folder)
  expect(result.ok, [...lines, ...report(result)].join('\n')).toBe(true)
  expect(new Set(result.books.faults.map(({ kind }) => kind)).size).toBe(KINDS.length)
  expect(result.verdict.accepted).toBeGreaterThan(50)
  expect(result.verdict.final).toBe(result.verdict.accepted)
}, 180_000)
