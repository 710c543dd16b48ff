import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import {
  MESSAGE_METRICS,
  type MetricDefinition,
  type MetricGroup,
  type UPKEEP_METRICS,
  WORK_METRICS,
} from './metric-definitions.ts'

type MetricOf<Definition> =
  Definition extends MetricDefinition<'counter', infer Label>
    ? Counter<Label>
    : Definition extends MetricDefinition<'gauge', infer Label>
      ? Gauge<Label>
      : Definition extends MetricDefinition<'histogram', infer Label>
        ? Histogram<Label>
        : never

export type MetricsOf<Group extends MetricGroup> = { [Key in keyof Group]: MetricOf<Group[Key]> }
export type Metrics = ReturnType<typeof createMetrics>
export type UpkeepMetrics = MetricsOf<typeof UPKEEP_METRICS>

/** Node's own, counts that are called `_total` and are none. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

/** The metrics of one process, in a registry of its own, with those of the runtime. */
export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return { registry, ...registerMetrics(registry, MESSAGE_METRICS), ...registerMetrics(registry, WORK_METRICS) }
}

/**
 * Makes the metrics of a group.
 * @param collect called at each scrape, once per gauge and counter of the group, before they are told
 */
export function registerMetrics<Group extends MetricGroup>(
  registry: Registry,
  group: Group,
  collect?: () => Promise<void>,
): MetricsOf<Group> {
  const made = Object.entries(group).map(([key, { type, name, help, labels, buckets }]) => {
    const options = { name, help, labelNames: [...labels], registers: [registry] }
    if (type === 'histogram') return [key, new Histogram({ ...options, ...(buckets ? { buckets: [...buckets] } : {}) })]
    const asked = { ...options, ...(collect ? { collect } : {}) }
    return [key, type === 'counter' ? new Counter(asked) : new Gauge(asked)]
  })
  return Object.fromEntries(made) as MetricsOf<Group>
}
