import type { Redis } from 'ioredis'

const MIB = 1024 * 1024

/** The metrics of a process, by name; 0 where it has none of that name. */
export async function metricsOf(url: string): Promise<(name: string) => number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return (name) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? 0)
}

/** MiB that the machine gives to a process. */
export function residentMiB(metric: (name: string) => number): number {
  return metric('process_resident_memory_bytes') / MIB
}

/** MiB of JavaScript objects of a process, those that nobody needs any more included. */
export function heapMiB(metric: (name: string) => number): number {
  return metric('nodejs_heap_size_used_bytes') / MIB
}

/** MiB that Redis uses for its data. */
export async function redisMiB(redis: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1] ?? 0) / MIB
}
