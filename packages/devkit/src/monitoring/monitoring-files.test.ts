import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { METRIC_GROUPS, type MetricDefinition } from '@message-center/core/telemetry/metric-definitions.ts'
import { createMetrics, registerMetrics } from '@message-center/core/telemetry/metrics.ts'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { findOpsTool } from '../services/ops-tools.ts'
import {
  deployFolder,
  knownMetricNames,
  metricNamesIn,
  readDashboards,
  readRules,
  readRunbook,
} from './monitoring-files.ts'

const { alerts, records } = readRules()
const known = await knownMetricNames()
const runbook = readRunbook()
const prometheusFolder = join(deployFolder, 'prometheus')

/** Metrics of a text that no process has; a runbook may name a histogram by itself. */
function unknownIn(text: string): string[] {
  return metricNamesIn(text).filter((name) => !known.has(name) && !known.has(`${name}_count`))
}

describe('rules', () => {
  test('use metrics that there are', () => {
    for (const { expr } of [...alerts, ...records]) expect(unknownIn(expr)).toEqual([])
  })

  test('each alert says how urgent it is, what is the matter, and where its section of the runbook is', () => {
    for (const { alert, labels, annotations } of alerts) {
      expect([alert, labels.severity]).toEqual([alert, expect.stringMatching(/^(page|ticket)$/)])
      expect(annotations).toEqual({
        summary: expect.any(String),
        description: expect.any(String),
        runbook_url: `docs/runbook.md#${alert.toLowerCase()}`,
      })
    }
  })

  test('each alert has a case in which it fires and one in which it does not', () => {
    const cases = globSync('tests/*.yml', { cwd: prometheusFolder }).flatMap((file) => {
      const { tests } = parse(readFileSync(join(prometheusFolder, file), 'utf8')) as {
        tests: { alert_rule_test?: { alertname: string; exp_alerts?: unknown[] }[] }[]
      }
      return tests.flatMap(({ alert_rule_test }) => alert_rule_test ?? [])
    })
    for (const { alert } of alerts) {
      const own = cases.filter(({ alertname }) => alertname === alert)
      expect([alert, own.some(({ exp_alerts = [] }) => exp_alerts.length > 0)]).toEqual([alert, true])
      expect([alert, own.some(({ exp_alerts = [] }) => exp_alerts.length === 0)]).toEqual([alert, true])
    }
  })
})

describe('the runbook', () => {
  const PARTS = ['**What you see**', '**Likely causes**', '**Look at**', '**Do**', '**Escalate**']

  test('has a section for each alert, and none for an alert that there is not', () => {
    expect([...runbook.keys()].sort()).toEqual(alerts.map(({ alert }) => alert).sort())
    for (const [alert, section] of runbook)
      for (const part of PARTS) expect([alert, part, section.includes(part)]).toEqual([alert, part, true])
  })

  test('names metrics that there are', () => {
    for (const [alert, section] of runbook) expect([alert, unknownIn(section)]).toEqual([alert, []])
  })
})

describe.each(readDashboards())('dashboard %s', (_file, { panels, templating, uid }) => {
  test('asks for metrics that there are, of the provisioned data source', () => {
    expect(uid).toMatch(/^message-center-/)
    for (const { title, type, targets = [] } of panels) {
      if (type !== 'row') expect([title, targets.length > 0]).toEqual([title, true])
      for (const { expr, datasource } of targets) {
        expect([title, unknownIn(expr)]).toEqual([title, []])
        expect(datasource.uid).toBe('message-center')
      }
    }
  })

  test('has each panel once, at a place of its own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (__, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
  })

  test('has a variable for each $name in its queries, taken from a label that the metric has', () => {
    const used = panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => [...expr.matchAll(/\$(?!__)(\w+)/g)].map(([, name]) => name)),
    )
    expect([...new Set(used)].sort()).toEqual(templating.list.map(({ name }) => name).sort())
    const ours = Object.values(METRIC_GROUPS).flatMap((group) => Object.values(group) as MetricDefinition[])
    for (const { query } of templating.list) {
      const [, name, label] = /^label_values\((\w+), (\w+)\)$/.exec(query.query) ?? []
      expect(ours.find((metric) => metric.name === name)?.labels).toContain(label)
    }
  })
})

test('every metric of ours is on a dashboard, in a rule or in the runbook', () => {
  const used = new Set(
    [
      ...readDashboards().flatMap(([, { panels }]) => panels.flatMap(({ targets = [] }) => targets.map((t) => t.expr))),
      ...[...alerts, ...records].map(({ expr }) => expr),
      ...runbook.values(),
    ].flatMap(metricNamesIn),
  )
  const ours = Object.values(METRIC_GROUPS).flatMap((group) => Object.values(group) as MetricDefinition[])
  const unused = ours.filter(({ name }) => ![...used].some((each) => each.replace(/_(bucket|sum|count)$/, '') === name))
  expect(unused.map(({ name }) => name)).toEqual([])
})

/** `npm run test:ops` installs it where it can. */
const promtool = findOpsTool('promtool')

describe.skipIf(promtool === undefined)('promtool', () => {
  const run = (args: string[], input?: string) =>
    execFileSync(promtool ?? '', args, { cwd: prometheusFolder, encoding: 'utf8', input, stdio: 'pipe' })

  test('finds the config and the rules well-formed', () => {
    run(['check', 'config', '--syntax-only', 'prometheus.yml'])
    run(['check', 'rules', ...globSync('rules/*.yml', { cwd: prometheusFolder })])
  })

  test('sees each alert fire where it should, and only there', () => {
    run(['test', 'rules', ...globSync('tests/*.yml', { cwd: prometheusFolder })])
  })

  test('has nothing to say against the metrics', async () => {
    const { registry } = createMetrics()
    const { Messages: _, Work: __, ...others } = METRIC_GROUPS
    for (const group of Object.values(others)) registerMetrics(registry, group)
    expect(run(['check', 'metrics'], await registry.metrics())).toBe('')
  })
})
