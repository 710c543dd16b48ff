import type { Env } from '../settings/env.ts'
import type { Logger } from '../telemetry/logger.ts'
import { createNacosClient } from './nacos-client.ts'
import { type NacosSettings, watchNacosSettings } from './nacos-settings.ts'

/** The settings that come from Nacos; undefined where none do. */
export function openNacosSettings({ nacos }: Pick<Env, 'nacos'>, logger: Logger): NacosSettings | undefined {
  if (!nacos?.dataId) return undefined
  const { group, dataId } = nacos
  return watchNacosSettings(createNacosClient(nacos), { group, dataId }, (text, error) =>
    error === undefined ? logger.warn(text) : logger.warn({ err: error }, text),
  )
}
