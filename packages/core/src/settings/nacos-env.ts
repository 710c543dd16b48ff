import { EnvError, readers, type Variables } from './env-readers.ts'

/** The Nacos server that system configs come from and the RPC service is registered in. */
export interface NacosEnv {
  /** Base URLs of its nodes, with the context path. */
  servers: string[]
  /** '' = public. */
  namespace: string
  group: string
  /** Of the system configs; undefined = they do not come from Nacos. */
  dataId: string | undefined
  username: string | undefined
  password: string | undefined
}

const DEFAULT_PORT = 8848

/**
 * @returns undefined without NACOS_SERVER
 * @throws EnvError
 */
export function readNacosEnv(variables: Variables): NacosEnv | undefined {
  const { text, list, required } = readers(variables)
  const servers = list('NACOS_SERVER').map(serverUrl)
  if (text('NACOS_USERNAME')) required('NACOS_PASSWORD')
  const settings = {
    namespace: text('NACOS_NAMESPACE') ?? '',
    group: text('NACOS_GROUP') ?? 'DEFAULT_GROUP',
    dataId: variables.NACOS_DATA_ID === undefined ? 'message-center.json' : text('NACOS_DATA_ID'),
    username: text('NACOS_USERNAME'),
    password: text('NACOS_PASSWORD'),
  }
  return servers.length === 0 ? undefined : { servers, ...settings }
}

/** `host`, `host:port`, or a URL with another context path than `/nacos`. */
function serverUrl(server: string): string {
  const given = /^https?:\/\//.test(server)
    ? server
    : `http://${server.includes(':') ? server : `${server}:${DEFAULT_PORT}`}`
  if (!URL.canParse(given))
    throw new EnvError(`NACOS_SERVER must be host:port or URLs, comma-separated, not '${server}'`)
  const url = new URL(given)
  if (url.username || url.search)
    throw new EnvError('NACOS_SERVER must be without user and query: NACOS_USERNAME is for that')
  return `${url.origin}${url.pathname === '/' ? '/nacos' : url.pathname.replace(/\/+$/, '')}`
}
