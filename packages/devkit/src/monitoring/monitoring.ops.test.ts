import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { opsTool } from '../services/ops-tools.ts'
import { startTestSystem, type TestSystem } from '../testing/test-system.ts'
import { until } from '../testing/until.ts'
import { readDashboards, readRules } from './monitoring-files.ts'
import { startAlertmanager, startPrometheus } from './prometheus.ts'
import { startTraffic } from './traffic.ts'

const METRICS_TOKEN = 'scrape-token-of-the-ops-test'
/** Of what is drawn for one channel or tenant. */
const VARIABLES: Record<string, string> = { channel: 'DINGTALK', tenant: 'other' }
/** Four times the scrape interval, as Grafana takes it. */
const RATE_INTERVAL = '1m'
/** Panels that are empty, but for the 0 that their query adds, as long as nothing is wrong. */
const EMPTY_WHILE_WELL = ['5xx of the API', 'Runs that failed', 'Jobs made by the reconciler']
const LONG_MS = 280_000

const folder = mkdtempSync(join(tmpdir(), 'message-center-monitoring-'))
let system: TestSystem
let alertmanager: Awaited<ReturnType<typeof startAlertmanager>>
let prometheus: Awaited<ReturnType<typeof startPrometheus>>
let traffic: Awaited<ReturnType<typeof startTraffic>>

const addressOf = ({ url }: { url: string }) => new URL(url).host

beforeAll(async () => {
  const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
  system = await startTestSystem({ ...urls, variables: { METRICS_TOKEN } })
  const platform = system.caller({ roles: ['platform'] })
  for (const [key, value] of Object.entries({ booksIntervalSeconds: 30, tokenRefreshIntervalSeconds: 10 }))
    expect((await platform('PUT', `/api/system-configs/${key}`, { value })).status).toBe(200)
  alertmanager = await startAlertmanager(folder)
  const [api, worker] = [system.apis, system.workers].map((list) => list.map(addressOf))
  prometheus = await startPrometheus(
    folder,
    { api: api ?? [], worker: worker ?? [], alertmanager: [alertmanager.address] },
    METRICS_TOKEN,
  )
  traffic = await startTraffic(system)
})
afterAll(async () => {
  await traffic?.stop()
  await prometheus?.stop()
  await alertmanager?.stop()
  await system?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('promtool finds the config as it is run, and the metrics of both processes, without fault', async () => {
  execFileSync(opsTool('promtool'), ['check', 'config', join(prometheus.config, 'prometheus.yml')], { stdio: 'pipe' })
  await until('traffic', () => traffic.rounds() > 2)
  for (const { url } of [...system.apis, ...system.workers]) {
    const headers = { authorization: `Bearer ${METRICS_TOKEN}` }
    const input = await (await fetch(`${url}/metrics`, { headers })).text()
    const output = execFileSync(opsTool('promtool'), ['check', 'metrics'], { input, encoding: 'utf8', stdio: 'pipe' })
    expect(output).toBe('')
  }
})

test('all processes are scraped, and every rule is evaluated without an error', async () => {
  await until('both to be up', async () => (await prometheus.query('up == 1')).length === 2)
  const { alerts, records } = readRules()
  const evaluated = async () => {
    const { groups } = await prometheus.ask<{
      groups: { rules: { name: string; health: string; lastError?: string }[] }[]
    }>('rules')
    return groups.flatMap(({ rules }) => rules)
  }
  await until('all rules to be evaluated', async () => (await evaluated()).every(({ health }) => health !== 'unknown'))
  const rules = await evaluated()
  expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
  expect(rules.map(({ name }) => name).sort()).toEqual(
    [...alerts.map(({ alert }) => alert), ...records.map(({ record }) => record)].sort(),
  )
})

test('no panel of any dashboard is without data', { timeout: LONG_MS }, async () => {
  const queries = readDashboards().flatMap(([file, { panels }]) =>
    panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({
        panel: `${file}: ${title}`,
        query: substituted(expr, EMPTY_WHILE_WELL.includes(title)),
      })),
    ),
  )
  expect(queries.length).toBeGreaterThan(50)
  const empty = async () => {
    const found = await Promise.all(
      queries.map(async (each) => ({ ...each, samples: await prometheus.query(each.query) })),
    )
    return found.filter(({ samples }) => !samples.some(({ value }) => Number.isFinite(value)))
  }
  await until('data in every panel', async () => (await empty()).length === 0, LONG_MS - 30_000).catch(async () => {
    expect((await empty()).map(({ panel, query }) => `${panel}: ${query}`)).toEqual([])
  })
  expect(traffic.errors).toEqual([])
})

test('the busiest tenants have got series of their own', { timeout: LONG_MS }, async () => {
  await until(
    'tenant 1 to be named',
    async () => (await prometheus.query('message_center_tenant_tasks_finished_total{tenant="1"}')).length > 0,
    LONG_MS,
  )
})

test('the queue scheduled is paused by hand: nothing else tells that reconciling stands still, so an alert does', {
  timeout: LONG_MS,
}, async () => {
  const redis = new Redis(system.variables.REDIS_URL ?? '', { maxRetriesPerRequest: null })
  const queue = new Queue('scheduled', { connection: redis, prefix: system.variables.QUEUE_PREFIX ?? '' })
  await queue.pause()
  await until('the alert to fire', () => firing('ScheduledTaskNotRunning', { task: 'reconcile' }), LONG_MS - 20_000)
  await queue.resume()
  await queue.close()
  redis.disconnect()
})

test('the last worker is killed: the alert fires and Alertmanager pages somebody', { timeout: LONG_MS }, async () => {
  await system.workers[0]?.stop('SIGKILL')
  await until('the alert to fire', () => firing('NoWorkerRunning'), LONG_MS - 20_000)
  await until('Alertmanager to have it', async () => (await alertmanager.alerts()).has('NoWorkerRunning'))
  expect((await alertmanager.alerts()).get('NoWorkerRunning')).toEqual(['pages'])
  expect(readFileSync(prometheus.log, 'utf8')).not.toMatch(/level=error/)
})

/** A panel's query as Grafana would send it; without the 0 that it adds where there is nothing, unless that is to be expected. */
function substituted(expr: string, mayBeEmpty: boolean): string {
  const query = expr
    .replaceAll('$__rate_interval', RATE_INTERVAL)
    .replaceAll(/\$(\w+)/g, (_, name: string) => VARIABLES[name] ?? `no value for ${name}`)
  return mayBeEmpty ? query : query.replaceAll(' or vector(0)', '')
}

async function firing(alertname: string, labels: Record<string, string> = {}): Promise<boolean> {
  const { alerts } = await prometheus.ask<{ alerts: { labels: Record<string, string>; state: string }[] }>('alerts')
  const wanted = Object.entries({ alertname, ...labels })
  return alerts.some((alert) => alert.state === 'firing' && wanted.every(([key, value]) => alert.labels[key] === value))
}
