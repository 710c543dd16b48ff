import { expect, test } from 'vitest'
import { METRIC_GROUPS, type MetricDefinition } from './metric-definitions.ts'

const groups = Object.entries(METRIC_GROUPS).map(([title, group]) => ({
  title,
  metrics: Object.values(group) as MetricDefinition[],
}))
const all = groups.flatMap(({ metrics }) => metrics)

test('names follow the conventions: one prefix, base units, _total for counters alone, no name twice', () => {
  for (const { name, type, labels } of all) {
    expect(name).toMatch(/^message_center_[a-z]+(_[a-z]+)*$/)
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter'])
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|count|sum|bucket)$/)
    for (const label of labels) expect(label).toMatch(/^[a-z]+$/)
  }
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
})

test('docs/metrics.md tells of every metric (npm test -- packages/core/src/telemetry/metric-definitions.test.ts -u writes it)', async () => {
  await expect(reference()).toMatchFileSnapshot('../../../../docs/metrics.md')
})

function reference(): string {
  const row = ({ name, type, labels, help }: MetricDefinition) =>
    `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`
  const section = ({ title, metrics }: (typeof groups)[number]) =>
    [`## ${title}`, '', '| name | type | labels | tells |', '| --- | --- | --- | --- |', ...metrics.map(row)].join('\n')
  return `${[
    '# Metrics',
    'Written from `packages/core/src/telemetry/metric-definitions.ts`, where each metric is defined; a test holds the two together.',
    'The API tells them at `/metrics`, a worker at `WORKER_METRICS_PORT/metrics`, with those of the Node.js runtime (`process_…`, `nodejs_…`). ' +
      'What to do with them: [observability.md](observability.md).',
    ...groups.map(section),
  ].join('\n\n')}\n`
}
