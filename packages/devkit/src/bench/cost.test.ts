import { expect, inject, test } from 'vitest'
import { startSandbox } from '../sandbox/start.ts'
import { BUILT_IN_CHANNELS, setUpTenant, startBenchSystem } from './bench-system.ts'
import { measureCost } from './cost.ts'
import { countSystem } from './counted-system.ts'

const WARM_UP = 100
const MESSAGES = 400
/**
 * Of a message to three channels in a burst of single calls. Beside each what was measured, on a quiet machine up to one where the whole
 * suite runs, and what a message takes that shares nothing with others.
 */
const CEILINGS = {
  /** 7.4 to 10.1; 39 */
  redisCommands: 16,
  /** 9.8 to 12.2; 30 */
  kilobytesToRedis: 20,
  /** 0.8 to 1.2; 22 */
  sqlStatements: 5,
  /** 4.7 to 5.0; 15.6 */
  kilobytesToMysql: 9,
}

test('what a message costs in commands, statements and bytes stays below its ceilings', async () => {
  const services = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
  const sandbox = await startSandbox()
  const counted = await countSystem(
    { services },
    await startBenchSystem({ services, sandbox }, { apis: 0, workers: 0 }),
  )
  try {
    await Promise.all([counted.startApi(), counted.startWorker()])
    const call = await setUpTenant(counted.system, BUILT_IN_CHANNELS)
    await measureCost(counted, [call], BUILT_IN_CHANNELS, WARM_UP)
    const cost = await measureCost(counted, [call], BUILT_IN_CHANNELS, MESSAGES)
    const { redisCommands, sqlStatements, redis, mysql } = cost
    const found = {
      redisCommands,
      kilobytesToRedis: redis.bytes / 1024,
      sqlStatements,
      kilobytesToMysql: mysql.bytes / 1024,
    }
    const tooHigh = Object.entries(CEILINGS).filter(([what, most]) => found[what as keyof typeof found] > most)
    expect(tooHigh, JSON.stringify(cost, null, 2)).toEqual([])
  } finally {
    await counted.stop()
    await sandbox.stop()
  }
})
