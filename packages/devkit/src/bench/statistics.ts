/** A figure measured several times. */
export interface Spread {
  median: number
  min: number
  max: number
  values: number[]
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN, values: [...values] }
}

/** Where something was at which time. */
export type Point = readonly [x: number, y: number]

/** How much y grows for each 1 of x, by least squares. */
export function slopeOf(points: readonly Point[]): number {
  const mean = (pick: (point: Point) => number) => points.reduce((sum, point) => sum + pick(point), 0) / points.length
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)]
  return mean(([x, y]) => (x - meanX) * (y - meanY)) / mean(([x]) => (x - meanX) ** 2)
}

export interface Latency {
  samples: number
  p50Ms: number
  p99Ms: number
}

/** Percentiles of measured latencies (ms). */
export function latencyOf(latencies: readonly number[]): Latency {
  const sorted = latencies.toSorted((a, b) => a - b)
  const samples = sorted.length
  const at = (share: number) => sorted[Math.min(samples - 1, Math.floor(samples * share))] ?? Number.NaN
  return { samples, p50Ms: at(0.5), p99Ms: at(0.99) }
}
