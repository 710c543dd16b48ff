import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startGuarded } from '../services/guarded-process.ts'
import { logTail } from '../services/log-tail.ts'
import { opsTool } from '../services/ops-tools.ts'
import { freePort } from '../services/ports.ts'
import { until } from '../testing/until.ts'
import { deployFolder } from './monitoring-files.ts'

/** Who is scraped, as `host:port`, and where alerts go. */
export interface Targets {
  api: string[]
  worker: string[]
  alertmanager: string[]
}

export interface Sample {
  metric: Record<string, string>
  /** NaN where Prometheus says so. */
  value: number
}

/**
 * A Prometheus with the very config and rules of deploy/prometheus; only the targets and the token are the test's.
 * @param folder for its copy of the config and its data
 */
export async function startPrometheus(folder: string, targets: Targets, metricsToken: string) {
  const config = join(folder, 'prometheus')
  cpSync(join(deployFolder, 'prometheus'), config, { recursive: true })
  for (const [name, list] of Object.entries(targets))
    writeFileSync(join(config, `targets/${name}.yml`), JSON.stringify([{ targets: list }]))
  writeFileSync(join(config, 'metrics-token'), metricsToken)
  const { url, log, stop } = await startTool('prometheus', folder, [
    `--config.file=${join(config, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'prometheus-data')}`,
  ])

  async function ask<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string }
    if (status !== 'success') throw new Error(`${path}: ${error}`)
    return data
  }
  return {
    url,
    config,
    log,
    ask,
    /** An instant query, now. */
    async query(expression: string): Promise<Sample[]> {
      const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>('query', {
        query: expression,
      })
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    stop,
  }
}

/** An Alertmanager with the example of deploy/alertmanager. */
export async function startAlertmanager(folder: string) {
  mkdirSync(join(folder, 'alertmanager'), { recursive: true })
  const { address, url, stop } = await startTool('alertmanager', folder, [
    `--config.file=${join(deployFolder, 'alertmanager/alertmanager.yml')}`,
    `--storage.path=${join(folder, 'alertmanager')}`,
    '--cluster.listen-address=',
  ])
  return {
    address,
    /** The alerts that it holds, by name, each with the receivers that it goes to. */
    async alerts(): Promise<Map<string, string[]>> {
      const list = (await (await fetch(`${url}/api/v2/alerts`)).json()) as {
        labels: { alertname: string }
        receivers: { name: string }[]
      }[]
      return new Map(list.map(({ labels, receivers }) => [labels.alertname, receivers.map(({ name }) => name)]))
    },
    stop,
  }
}

/** Starts one of Prometheus' tools on a free port and waits until it is ready; its log goes into the folder. */
async function startTool(tool: 'prometheus' | 'alertmanager', folder: string, args: readonly string[]) {
  const address = `127.0.0.1:${await freePort()}`
  const url = `http://${address}`
  const log = join(folder, `${tool}.log`)
  const guarded = await startGuarded({
    name: tool,
    command: opsTool(tool),
    args: [...args, `--web.listen-address=${address}`],
    log,
  })
  await answers(`${url}/-/ready`, log)
  return { address, url, log, stop: () => guarded.stop() }
}

async function answers(url: string, log: string): Promise<void> {
  await until(`${url} to answer`, async () => (await fetch(url).catch(() => undefined))?.ok).catch((error) => {
    throw new Error(`${error instanceof Error ? error.message : error}\n${logTail(log)}`)
  })
}
