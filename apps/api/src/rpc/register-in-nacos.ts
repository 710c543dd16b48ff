import { networkInterfaces } from 'node:os'
import type { Instance } from '@message-center/core/nacos/dialects.ts'
import { createNacosClient } from '@message-center/core/nacos/nacos-client.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'

/** Nacos forgets an instance that has been silent for 15 s by default. */
const BEAT_MS = 5_000

/**
 * Registers the RPC service by its interface, as Dubbo's own Nacos registry does, so that a Java consumer finds it; keeps it
 * registered, and takes it back when told to stop. While Nacos is away it tries again with every beat.
 * @param port that the service listens on
 * @returns undefined where there is no Nacos
 */
export function registerInNacos(env: Env, port: number, logger: Logger): { stop(): Promise<void> } | undefined {
  if (!env.nacos) return undefined
  const client = createNacosClient(env.nacos)
  const instance = instanceOf(env, env.nacos.group, port)
  const told = { service: instance.service, ip: instance.ip, port }
  let registered = false
  let failing = false
  let timer: NodeJS.Timeout | undefined
  let beating = Promise.resolve()

  async function beat(): Promise<void> {
    try {
      const isKnown = registered && (await client.beat(instance))
      if (!isKnown) {
        await client.register(instance)
        logger.info(told, 'registered in Nacos')
      }
      registered = true
      failing = false
    } catch (error) {
      if (!failing) logger.warn({ ...told, err: error }, 'cannot be registered in Nacos just now')
      failing = true
    }
  }
  const again = () => {
    beating = beat()
    void beating.then(() => {
      if (timer !== undefined) timer = setTimeout(again, BEAT_MS).unref()
    })
  }
  timer = setTimeout(again, 0)
  return {
    async stop() {
      clearTimeout(timer)
      timer = undefined
      await beating
      if (!registered) return
      await client
        .deregister(instance)
        .catch((error) => logger.warn({ ...told, err: error }, 'still registered in Nacos: it will forget by itself'))
    },
  }
}

/** As org.apache.dubbo.registry.nacos.NacosRegistry names and describes a provider. */
function instanceOf(env: Env, group: string, port: number): Instance {
  const { rpcInterface, rpcVersion, rpcGroup } = env
  return {
    service: `providers:${rpcInterface}:${rpcVersion ?? ''}:${rpcGroup ?? ''}`,
    group,
    ip: env.rpcAdvertiseHost ?? ownAddress(env.host),
    port,
    metadata: {
      category: 'providers',
      protocol: 'tri',
      path: rpcInterface,
      interface: rpcInterface,
      side: 'provider',
      application: 'message-center',
      methods: 'batchSendMessages,sendMessage',
      serialization: 'hessian2',
      dubbo: '2.0.2',
      release: '3.3.0',
      generic: 'false',
      deprecated: 'false',
      dynamic: 'true',
      ...(rpcVersion ? { version: rpcVersion } : {}),
      ...(rpcGroup ? { group: rpcGroup } : {}),
      ...(env.rpcTlsCert ? { 'ssl-enabled': 'true' } : {}),
    },
  }
}

/** The address that it listens on; of all, the first that others can reach. */
function ownAddress(host: string): string {
  if (host !== '0.0.0.0' && host !== '::') return host
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1'
}
