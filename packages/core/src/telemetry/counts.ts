import { Counter, type Registry } from 'prom-client'

/** What a counter has grown by. */
export interface Count {
  name: string
  labels: Partial<Record<string, string | number>>
  by: number
}

/** Reads what the counters of a registry have grown by since the last time: for a process that nobody scrapes. */
export function createCountReader(registry: Registry): () => Promise<Count[]> {
  const last = new Map<string, number>()
  return async () => {
    const metrics = await registry.getMetricsAsJSON()
    return metrics
      .filter(({ name }) => registry.getSingleMetric(name) instanceof Counter && name.startsWith('message_center_'))
      .flatMap(({ name, values }) => values.map(({ labels, value }) => ({ name, labels, value })))
      .flatMap(({ name, labels, value }) => {
        const key = `${name} ${JSON.stringify(labels)}`
        const by = value - (last.get(key) ?? 0)
        last.set(key, value)
        return by > 0 ? [{ name, labels, by }] : []
      })
  }
}

/** Adds them to the counters of the same names. */
export function addCounts(registry: Registry, counts: readonly Count[]): void {
  for (const { name, labels, by } of counts) {
    const counter = registry.getSingleMetric(name)
    if (counter instanceof Counter) counter.inc(labels, by)
  }
}
