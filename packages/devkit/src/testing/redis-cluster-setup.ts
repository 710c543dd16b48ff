import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startRedisCluster } from '../services/redis-cluster.ts'
import { setup as setUpServices } from './global-setup.ts'

/** vitest's global set-up for tests that run on a Redis Cluster: as `global-setup.ts`, but `redisUrl` is a node of one. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stopServices = await setUpServices(project)
  const dir = mkdtempSync(join(tmpdir(), 'message-center-cluster-'))
  const cluster = await startRedisCluster({ dir })
  project.provide('redisUrl', cluster.servers[0]?.url ?? '')
  return async () => {
    await cluster.stop()
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
    await stopServices()
  }
}
