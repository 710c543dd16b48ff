import { PLATFORM_TENANT } from '../contracts/caller.ts'
import type { NacosSettings } from '../nacos/nacos-settings.ts'
import type { ConfigChanges } from './watch-changes.ts'

/** Changes that also tell of Nacos, where settings come from there: whatever is cached of anyone's settings is stale then. */
export function followNacos(changes: ConfigChanges, nacos: NacosSettings | undefined): ConfigChanges {
  if (!nacos) return changes
  return {
    ...changes,
    subscribe(listener) {
      changes.subscribe(listener)
      nacos.subscribe(() => listener(PLATFORM_TENANT))
    },
    async close() {
      nacos.close()
      await changes.close()
    },
  }
}
