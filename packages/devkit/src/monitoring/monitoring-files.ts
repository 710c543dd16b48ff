import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { METRIC_GROUPS, type MetricDefinition } from '@message-center/core/telemetry/metric-definitions.ts'
import { createMetrics } from '@message-center/core/telemetry/metrics.ts'
import { parse } from 'yaml'
import { workspaceRoot } from '../services/workspace.ts'

export const deployFolder = join(workspaceRoot, 'deploy')

export interface Panel {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: { uid: string }
  targets?: { expr: string; datasource: { uid: string } }[]
}

export interface Dashboard {
  uid: string
  title: string
  panels: Panel[]
  templating: { list: { name: string; query: { query: string } }[] }
}

/** The Grafana dashboards by the name of their file. */
export function readDashboards(): [file: string, dashboard: Dashboard][] {
  const files = globSync('grafana/dashboards/*.json', { cwd: deployFolder }).sort()
  return files.map((file) => [basename(file), JSON.parse(readFileSync(join(deployFolder, file), 'utf8'))])
}

export interface AlertRule {
  alert: string
  expr: string
  labels: { severity: string }
  annotations: { summary: string; description: string; runbook_url: string }
}

export interface RecordingRule {
  record: string
  expr: string
}

/** All rules of deploy/prometheus/rules. */
export function readRules(): { alerts: AlertRule[]; records: RecordingRule[] } {
  const files = globSync('prometheus/rules/*.yml', { cwd: deployFolder })
  const rules = files.flatMap((file) => {
    const { groups } = parse(readFileSync(join(deployFolder, file), 'utf8')) as {
      groups: { rules: (AlertRule | RecordingRule)[] }[]
    }
    return groups.flatMap((group) => group.rules)
  })
  return {
    alerts: rules.filter((rule) => 'alert' in rule),
    records: rules.filter((rule) => 'record' in rule),
  }
}

/** The sections of docs/runbook.md by their headings of the second level. */
export function readRunbook(): Map<string, string> {
  const text = readFileSync(join(workspaceRoot, 'docs/runbook.md'), 'utf8')
  const sections = text.split(/^## /m).slice(1)
  return new Map(sections.map((section) => [section.split('\n', 1)[0]?.trim() ?? '', section]))
}

/** The names of metrics in a text: ours, those of the runtime, and Prometheus' own. */
export function metricNamesIn(text: string): string[] {
  return [...new Set(text.match(/\b(?:message_center[a-z0-9_:]+|(?:nodejs|process)_[a-z0-9_]+)\b/g) ?? [])]
}

/** Every name under which a process of ours, or a recording rule, has time series. */
export async function knownMetricNames(): Promise<Set<string>> {
  const ours = Object.values(METRIC_GROUPS).flatMap((group) => Object.values(group) as MetricDefinition[])
  const runtime = (await createMetrics().registry.getMetricsAsJSON()).map(({ name, type }) => ({
    name,
    type: `${type}`,
  }))
  const names = [...ours, ...runtime].flatMap(({ name, type }) => {
    if (type === 'histogram') return ['_bucket', '_sum', '_count'].map((suffix) => name + suffix)
    return [name]
  })
  return new Set([...names, ...readRules().records.map(({ record }) => record)])
}
