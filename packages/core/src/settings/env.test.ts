import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { expect, test } from 'vitest'
import { EnvError, readDatabaseEnv, readEnv, requireJwtKey } from './env.ts'

const key = () => randomBytes(32).toString('base64')
const REQUIRED = {
  DATABASE_URL: 'mysql://user:pass@db:3306/message_center',
  REDIS_URL: 'redis://cache:6379/0',
  CONFIG_ENCRYPTION_KEYS: `k1:${key()}`,
}
const read = (variables: Record<string, string | undefined> = {}) => readEnv({ ...REQUIRED, ...variables })

function messageOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof EnvError) return error.message
    throw error
  }
  return 'no error'
}

/** The variables that are looked up while the environment is read. */
function variablesRead(): string[] {
  const names = new Set<string>()
  readEnv(
    new Proxy<Record<string, string | undefined>>(REQUIRED, {
      get(target, name) {
        names.add(String(name))
        return target[String(name)]
      },
    }),
  )
  return [...names].sort()
}

test('without the optional variables the defaults of the contract hold', () => {
  expect(read()).toMatchObject({
    host: '0.0.0.0',
    port: 3000,
    databaseSsl: 'off',
    queuePrefix: '{mc}',
    timeZone: 'Asia/Shanghai',
    retryMax: 3,
    retryInitialDelayMs: 60_000,
    sendTimeoutMs: 10_000,
    workerMetricsPort: 9464,
    logLevel: 'info',
    workerQueues: [],
    channelAdapters: [],
    messageHandlers: [],
    callbackAllowCidrs: [],
    redisClusterNodes: [],
    redisSentinels: [],
    dingtalkBaseUrl: 'https://oapi.dingtalk.com',
    dingtalkApiBaseUrl: 'https://api.dingtalk.com',
    wechatWorkBaseUrl: 'https://qyapi.weixin.qq.com',
  })
  for (const name of [
    'databaseReplicaUrl',
    'databaseSslCa',
    'jwtSecret',
    'jwtPublicKey',
    'jwtJwksUrl',
    'jwtIssuer',
    'jwtAudience',
    'opsUser',
    'opsPassword',
    'metricsToken',
    'logFile',
    'tracing',
    'nacos',
    'rpcAdvertiseHost',
    'redisSentinelName',
    'redisSentinelPassword',
  ]) {
    expect(read()).toHaveProperty(name, undefined)
  }
})

test('values are taken as they are meant', () => {
  const env = read({
    HOST: ' 127.0.0.1 ',
    PORT: '0',
    DATABASE_SSL: 'verify',
    WORKER_QUEUES: 'pipeline, channel.LOCAL,',
    RETRY_MAX: '0',
    TIME_ZONE: 'Europe/Berlin',
    CALLBACK_ALLOW_CIDRS: '10.0.0.0/8,fd00::/8,192.0.2.1',
    JWT_PUBLIC_KEY: 'a\\nb',
    LOG_LEVEL: 'debug',
    METRICS_TOKEN: '  ',
  })
  expect(env).toMatchObject({
    host: '127.0.0.1',
    port: 0,
    databaseSsl: 'verify',
    workerQueues: ['pipeline', 'channel.LOCAL'],
    retryMax: 0,
    timeZone: 'Europe/Berlin',
    callbackAllowCidrs: ['10.0.0.0/8', 'fd00::/8', '192.0.2.1'],
    jwtPublicKey: 'a\nb',
    logLevel: 'debug',
    metricsToken: undefined,
  })
})

test('tracing is on where there is an endpoint; everything is recorded unless a sampler says otherwise', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
  expect(read(endpoint).tracing).toMatchObject({ sampler: 'parentbased_always_on', ratio: 1, headers: {} })
  const variables = {
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20x%3D, x-scope=a',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=production',
    OTEL_SERVICE_NAME: 'mc',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.05',
  }
  expect(read({ ...endpoint, ...variables }).tracing).toEqual({
    endpoint: 'http://collector:4318',
    headers: { authorization: 'Bearer x=', 'x-scope': 'a' },
    serviceName: 'mc',
    resourceAttributes: { 'deployment.environment.name': 'production' },
    sampler: 'parentbased_traceidratio',
    ratio: 0.05,
    exportEveryMs: 5_000,
  })
  expect(read(variables).tracing).toBeUndefined()
})

test('NACOS_SERVER takes hosts, ports and whole URLs; alone it is enough', () => {
  expect(read({ NACOS_SERVER: 'nacos, nacos-2:8849,https://nacos.example.com/ctx/' }).nacos).toEqual({
    servers: ['http://nacos:8848/nacos', 'http://nacos-2:8849/nacos', 'https://nacos.example.com/ctx'],
    namespace: '',
    group: 'DEFAULT_GROUP',
    dataId: 'message-center.json',
    username: undefined,
    password: undefined,
  })
  expect(read({ NACOS_SERVER: 'nacos', NACOS_DATA_ID: '' }).nacos?.dataId).toBeUndefined()
  expect(messageOf(() => read({ NACOS_USERNAME: 'mc' }))).toMatch(/^NACOS_PASSWORD /)
})

test('several encryption keys keep their order', () => {
  const { encryptionKeys } = read({ CONFIG_ENCRYPTION_KEYS: `new:${key()}, old-1:${key()}` })
  expect(encryptionKeys.map(({ kid, key: bytes }) => [kid, bytes.length])).toEqual([
    ['new', 32],
    ['old-1', 32],
  ])
})

test('a cluster or sentinels stand in for REDIS_URL', () => {
  expect(read({ REDIS_URL: undefined, REDIS_CLUSTER_NODES: 'a:1,[::1]:2' }).redisClusterNodes).toEqual([
    'a:1',
    '[::1]:2',
  ])
  expect(read({ REDIS_URL: '', REDIS_SENTINELS: 'a:1', REDIS_SENTINEL_NAME: 'm' })).toMatchObject({
    redisSentinels: ['a:1'],
    redisSentinelName: 'm',
  })
  expect(messageOf(() => read({ REDIS_URL: '', REDIS_SENTINELS: 'a:1' }))).toMatch(/^REDIS_SENTINEL_NAME /)
  expect(
    messageOf(() => read({ REDIS_SENTINELS: 'a:1', REDIS_SENTINEL_NAME: 'm', REDIS_CLUSTER_NODES: 'b:1' })),
  ).toMatch(/^REDIS_SENTINELS and REDIS_CLUSTER_NODES /)
  expect(messageOf(() => read({ REDIS_URL: 'redis://cache/1', REDIS_CLUSTER_NODES: 'b:1' }))).toMatch(/^REDIS_URL /)
})

test.each<[string, string[]]>([
  ['DATABASE_URL', ['', 'nonsense', 'postgres://db/x', 'mysql://db:3306', 'mysql://db:3306/']],
  ['DATABASE_REPLICA_URL', ['nonsense', 'http://db/x']],
  ['DATABASE_SSL', ['on', 'OFF', 'true']],
  ['REDIS_URL', ['', 'nonsense', 'http://cache']],
  ['REDIS_CLUSTER_NODES', ['a', 'a:1,b', 'a:port']],
  ['REDIS_SENTINELS', ['a', 'a:1 b:2']],
  ['JWT_JWKS_URL', ['nonsense', 'ftp://x/y', 'file:///etc/passwd']],
  [
    'CONFIG_ENCRYPTION_KEYS',
    [
      '',
      'k1',
      `k1:${randomBytes(16).toString('base64')}`,
      `k1:${key()}x`,
      `k 1:${key()}`,
      `:${key()}`,
      `k1:${key()}:x`,
      `k1:${key()},k1:${key()}`,
      `k1:${key()},`,
    ],
  ],
  ['PORT', ['x', '-1', '65536', '3000.5', '0x10', '1e3']],
  ['WORKER_METRICS_PORT', ['65536']],
  ['DINGTALK_BASE_URL', ['oapi.dingtalk.com', 'ftp://oapi.dingtalk.com']],
  ['DINGTALK_API_BASE_URL', ['nonsense']],
  ['WECHAT_WORK_BASE_URL', ['nonsense']],
  ['TIME_ZONE', ['Shanghai', 'UTC+25', 'Asia/Nowhere']],
  ['RETRY_MAX', ['-1', '101', 'three']],
  ['RETRY_INITIAL_DELAY_MS', ['0', '60s']],
  ['SEND_TIMEOUT_MS', ['0', '10 s']],
  ['PIPELINE_CONCURRENCY', ['0', 'many']],
  ['CHANNEL_CONCURRENCY', ['0', '100000']],
  [
    'CALLBACK_ALLOW_CIDRS',
    ['10.0.0.0/33', '10.0.0/8', 'example.com', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', '10.0.0.0/ 8'],
  ],
  ['LOG_LEVEL', ['verbose', 'INFO', 'silent']],
  ['LOG_FILE_MAX_MB', ['0', '100m']],
  ['LOG_FILE_KEEP', ['0', 'all']],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', ['collector:4318']],
  ['OTEL_EXPORTER_OTLP_HEADERS', ['token', '=x', 'a=1,b', 'a=%zz']],
  ['OTEL_RESOURCE_ATTRIBUTES', ['production']],
  ['OTEL_TRACES_SAMPLER', ['ratio', 'jaeger_remote']],
  ['NACOS_SERVER', ['http://', 'a:b:c', 'http://user:secret@nacos']],
  ['OTEL_BSP_SCHEDULE_DELAY', ['0', '5s']],
  ['OTEL_TRACES_SAMPLER_ARG', ['2', '-0.1', 'half']],
])('a bad %s is refused with one line that begins with its name', (name, values) => {
  for (const value of values) {
    const message = messageOf(() => read({ [name]: value }))
    expect([value, message]).toEqual([value, expect.stringMatching(new RegExp(`^${name} .+$`))])
  }
})

test('a message never repeats what may hold a password or a key', () => {
  for (const variables of [
    { DATABASE_URL: 'postgres://u:hunter2@db/x' },
    { REDIS_URL: 'http://:hunter2@cache' },
    { CONFIG_ENCRYPTION_KEYS: 'hunter2' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'hunter2' },
  ]) {
    expect(messageOf(() => read(variables))).not.toContain('hunter2')
  }
})

test('migrating needs the database alone', () => {
  expect(readDatabaseEnv({ DATABASE_URL: REQUIRED.DATABASE_URL })).toMatchObject({
    databaseUrl: REQUIRED.DATABASE_URL,
    databaseSsl: 'off',
  })
  expect(messageOf(() => readDatabaseEnv({}))).toBe('DATABASE_URL is missing')
})

test('the API needs a way to verify tokens, and a secret that is long enough', () => {
  expect(messageOf(() => requireJwtKey(read()))).toMatch(/^JWT_SECRET is missing/)
  expect(messageOf(() => requireJwtKey(read({ JWT_SECRET: 'x'.repeat(31) })))).toMatch(/^JWT_SECRET is too short/)
  expect(() => requireJwtKey(read({ JWT_SECRET: 'x'.repeat(32) }))).not.toThrow()
})

const example = readFileSync(fileURLToPath(new URL('../../../../.env.example', import.meta.url)), 'utf8')

test('.env.example lists every variable that is read, and no other', () => {
  const listed = example.split('\n').flatMap((line) => /^(?:# )?([A-Z][A-Z0-9_]*)=/.exec(line)?.[1] ?? [])
  expect(listed.toSorted()).toEqual(variablesRead())
})

test('the defaults that .env.example shows are the defaults', () => {
  const env = read()
  const defaults: Record<string, string | number> = {
    HOST: env.host,
    PORT: env.port,
    DATABASE_SSL: env.databaseSsl,
    QUEUE_PREFIX: env.queuePrefix,
    LOG_LEVEL: env.logLevel,
    LOG_FILE_MAX_MB: env.logFileMaxMb,
    LOG_FILE_KEEP: env.logFileKeep,
    DINGTALK_BASE_URL: env.dingtalkBaseUrl,
    DINGTALK_API_BASE_URL: env.dingtalkApiBaseUrl,
    WECHAT_WORK_BASE_URL: env.wechatWorkBaseUrl,
    SEND_TIMEOUT_MS: env.sendTimeoutMs,
    TIME_ZONE: env.timeZone,
    RETRY_MAX: env.retryMax,
    RETRY_INITIAL_DELAY_MS: env.retryInitialDelayMs,
    PIPELINE_CONCURRENCY: env.pipelineConcurrency,
    CHANNEL_CONCURRENCY: env.channelConcurrency,
    WORKER_METRICS_PORT: env.workerMetricsPort,
  }
  for (const [name, value] of Object.entries(defaults)) expect(example).toContain(`\n# ${name}=${value}\n`)
})

test('the values that .env.example gives are good ones, once the secrets are filled in', () => {
  expect(() => readEnv({ ...parseEnv(example), CONFIG_ENCRYPTION_KEYS: `k1:${key()}` })).not.toThrow()
})
