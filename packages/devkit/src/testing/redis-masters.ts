import { Redis } from 'ioredis'

/**
 * The servers that hold what is written by way of this one: itself; its master; or each master of its cluster.
 * @returns their URLs
 */
export async function mastersOf(url: string): Promise<string[]> {
  const redis = new Redis(url)
  try {
    const info = await redis.info()
    if (/^cluster_enabled:1/m.test(info))
      return masterAddresses(String(await redis.cluster('NODES'))).map(withAddress(url))
    const master = /^master_host:(\S+)\r?\nmaster_port:(\d+)/m.exec(info)
    return master ? [withAddress(url)(`${master[1]}:${master[2]}`)] : [url]
  } finally {
    redis.disconnect()
  }
}

/** @param nodes the answer to CLUSTER NODES: id, address, flags … of each on a line of its own */
function masterAddresses(nodes: string): string[] {
  const lines = nodes
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
  const masters = lines.filter(([, , flags = '']) => flags.split(',').includes('master') && !flags.includes('fail'))
  return masters.map(([, address = '']) => address.split('@')[0] ?? '')
}

function withAddress(url: string): (address: string) => string {
  return (address) => Object.assign(new URL(url), { host: address }).href
}
