/** The two HTTP APIs of Nacos as requests and readings of answers: what is sent, without doing it. */
export interface NacosRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  query: Record<string, string>
  /** Sent as the body. */
  form?: Record<string, string>
}

export interface NacosAnswer {
  status: number
  text: string
  /** Undefined where the text is no JSON. */
  json: unknown
}

/** One address of a service; ephemeral: it is forgotten where no beat comes for 15 to 30 s. */
export interface Instance {
  service: string
  group: string
  ip: string
  port: number
  metadata: Record<string, string>
}

interface ConfigPlace {
  namespace: string
  group: string
  dataId: string
}
type InstancePlace = Instance & { namespace: string }

export interface Dialect {
  login(username: string, password: string): NacosRequest
  config(place: ConfigPlace): NacosRequest
  register(instance: InstancePlace): NacosRequest
  beat(instance: InstancePlace): NacosRequest
  deregister(instance: InstancePlace): NacosRequest
  /** There is no such config. */
  isMissing(answer: NacosAnswer): boolean
  /** The config's text; undefined where the answer is none. */
  content(answer: NacosAnswer): string | undefined
  isDone(answer: NacosAnswer): boolean
  isUnknownInstance(answer: NacosAnswer): boolean
}

const SUCCESS = 0
const NOT_FOUND = 20_004
const INSTANCE_NOT_FOUND = 21_003

/** Nacos 3: https://nacos.io/en/docs/v3.2/manual/user/open-api/ */
export const NACOS_3: Dialect & { isSpoken(answer: NacosAnswer): boolean } = {
  login: (username, password) => login('/v3/auth/user/login', username, password),
  config: ({ namespace, group, dataId }) => ({
    method: 'GET',
    path: '/v3/client/cs/config',
    query: { ...namespaceId(namespace), groupName: group, dataId },
  }),
  register: (instance) => ({ method: 'POST', path: '/v3/client/ns/instance', query: {}, form: fieldsOf(instance) }),
  beat: (instance) => ({
    method: 'POST',
    path: '/v3/client/ns/instance',
    query: {},
    form: { ...fieldsOf(instance), heartBeat: 'true' },
  }),
  deregister: (instance) => ({ method: 'DELETE', path: '/v3/client/ns/instance', query: fieldsOf(instance) }),
  isMissing: (answer) => codeOf(answer) === NOT_FOUND,
  content: ({ json }) => {
    const { code, data } = (json ?? {}) as { code?: number; data?: { content?: string } }
    return code === SUCCESS ? data?.content : undefined
  },
  isDone: (answer) => codeOf(answer) === SUCCESS,
  isUnknownInstance: (answer) => codeOf(answer) === INSTANCE_NOT_FOUND,
  // An older server answers a path that it does not have with its framework's 404, which has no code.
  isSpoken: (answer) => answer.status !== 404 || codeOf(answer) !== undefined,
}

const BEAT_UNKNOWN = 20_404

/** Nacos 1 and 2: https://nacos.io/docs/v1/open-api */
export const NACOS_1: Dialect = {
  login: (username, password) => login('/v1/auth/login', username, password),
  config: ({ namespace, group, dataId }) => ({
    method: 'GET',
    path: '/v1/cs/configs',
    query: { ...(namespace ? { tenant: namespace } : {}), group, dataId },
  }),
  register: (instance) => ({ method: 'POST', path: '/v1/ns/instance', query: {}, form: fieldsOf(instance) }),
  beat: (instance) => {
    const { service, group, ip, port, metadata, namespace } = instance
    const serviceName = `${group}@@${service}`
    const beat = { serviceName, ip, port, metadata, cluster: 'DEFAULT', weight: 1, scheduled: true }
    return {
      method: 'PUT',
      path: '/v1/ns/instance/beat',
      query: {
        ...namespaceId(namespace),
        serviceName,
        groupName: group,
        ip,
        port: String(port),
        ephemeral: 'true',
        beat: JSON.stringify(beat),
      },
    }
  },
  deregister: (instance) => ({ method: 'DELETE', path: '/v1/ns/instance', query: fieldsOf(instance) }),
  isMissing: ({ status }) => status === 404,
  content: ({ status, text }) => (status === 200 ? text : undefined),
  isDone: ({ status }) => status === 200,
  isUnknownInstance: (answer) => codeOf(answer) === BEAT_UNKNOWN,
}

function login(path: string, username: string, password: string): NacosRequest {
  return { method: 'POST', path, query: {}, form: { username, password } }
}

function fieldsOf({ service, group, ip, port, metadata, namespace }: InstancePlace): Record<string, string> {
  return {
    ...namespaceId(namespace),
    serviceName: service,
    groupName: group,
    ip,
    port: String(port),
    weight: '1',
    enabled: 'true',
    healthy: 'true',
    ephemeral: 'true',
    metadata: JSON.stringify(metadata),
  }
}

function namespaceId(namespace: string): Record<string, string> {
  return namespace ? { namespaceId: namespace } : {}
}

function codeOf({ json }: NacosAnswer): number | undefined {
  const { code } = (json ?? {}) as { code?: unknown }
  return typeof code === 'number' ? code : undefined
}
