import { setTimeout as delay } from 'node:timers/promises'
import type { Rig } from '../rig.ts'
import type { FaultKind } from './fault-kind.ts'

/** Not a byte is left for a server's data for a while; it is started again where it ended of that. */
export function diskFull(options: {
  server: 'mysql' | 'redis'
  lastsMs: number
  /** For how long, ms: least and most. */
  fullMs: readonly [number, number]
  restart(rig: Rig): Promise<void>
}): FaultKind {
  const { server, lastsMs, fullMs, restart } = options
  return {
    name: `${server}-disk-full`,
    lastsMs,
    unavailable: ({ disks }) => ('unavailable' in disks ? disks.unavailable : undefined),
    aim(random, rig) {
      const ms = random.between(...fullMs)
      return {
        target: server,
        detail: `its disk is full for ${(ms / 1000).toFixed(1)} s`,
        async inject() {
          if ('unavailable' in rig.disks) return
          const disk = rig.disks[server]
          await disk.fill()
          await delay(ms)
          disk.free()
          await restart(rig)
        },
      }
    },
  }
}
