import type { FaultKind } from './fault-kind.ts'
import { mysqlDiskFull, mysqlKill, mysqlLocks, mysqlRefuse } from './mysql.ts'
import { netHalfOpen, netLatency, netRefuse, netReset } from './network.ts'
import { apiKill, apiTerm, workerClock, workerFreeze, workerKill, workerTerm } from './processes.ts'
import { redisDiskFull, redisFlush, redisLoseSecond, redisRestart } from './redis.ts'

/** Everything that can be broken. */
export const FAULT_KINDS: readonly FaultKind[] = [
  apiKill,
  apiTerm,
  workerKill,
  workerTerm,
  workerFreeze,
  workerClock,
  redisRestart,
  redisFlush,
  redisLoseSecond,
  redisDiskFull,
  mysqlKill,
  mysqlRefuse,
  mysqlLocks,
  mysqlDiskFull,
  netReset,
  netLatency,
  netHalfOpen,
  netRefuse,
]
