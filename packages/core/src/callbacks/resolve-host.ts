import { lookup, Resolver } from 'node:dns/promises'

/** One lost packet is made up for; a name server that says nothing is not waited for much longer. */
const QUERY = { timeout: 1_500, tries: 2 }

/** The addresses of a host name. @throws the system's error, with its `code` */
export type ResolveHost = (hostname: string) => Promise<string[]>

/**
 * Asks the name servers over the network first: `lookup`, the system's way, occupies one of a few threads for as long as a
 * name server is silent, and names whose servers are silent would make every other look-up of the process wait. What the name
 * servers do not know (a name of /etc/hosts, a short name within a cluster) the system then tells without delay.
 * @param servers other name servers than the system's, `address:port`
 */
export function createHostResolver(servers?: readonly string[]): ResolveHost {
  const resolver = new Resolver(QUERY)
  if (servers) resolver.setServers(servers)
  return async (hostname) => {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (addresses.length > 0) return addresses
    const silence = answers.find((answer) => answer.status === 'rejected' && answer.reason.code === 'ETIMEOUT')
    if (silence?.status === 'rejected') throw silence.reason
    return (await lookup(hostname, { all: true })).map(({ address }) => address)
  }
}
