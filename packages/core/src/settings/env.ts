import { accessSync, constants } from 'node:fs'
import { isIP } from 'node:net'
import { EnvError, readers, type Variables } from './env-readers.ts'
import { readNacosEnv } from './nacos-env.ts'
import { readTracingEnv } from './tracing-env.ts'

export { EnvError }

export interface EncryptionKey {
  kid: string
  /** 32 bytes, AES-256. */
  key: Buffer
}

/** Everything the processes read from the environment; `.env.example` describes each variable. */
export type Env = ReturnType<typeof readEnv>

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

/**
 * Reads and checks the whole environment at once. The only reader of `process.env`.
 * @throws EnvError naming the first variable that is missing or wrong
 */
export function readEnv(variables: Variables = process.env) {
  const { text, list, integer, oneOf, url } = readers(variables)
  return {
    ...readDatabaseEnv(variables),
    host: text('HOST') ?? '0.0.0.0',
    port: integer('PORT', 3000, 0, 65_535),
    shutdownGraceMs: integer('SHUTDOWN_GRACE_MS', 2_000, 0, 600_000),
    ...readRpcEnv(variables),
    databaseReplicaUrl: url('DATABASE_REPLICA_URL', ['mysql:']),
    ...readRedisEnv(variables),
    queuePrefix: text('QUEUE_PREFIX') ?? '{mc}',
    jwtSecret: text('JWT_SECRET'),
    jwtPublicKey: text('JWT_PUBLIC_KEY')?.replaceAll('\\n', '\n'),
    jwtJwksUrl: url('JWT_JWKS_URL', ['https:', 'http:']),
    jwtIssuer: text('JWT_ISSUER'),
    jwtAudience: text('JWT_AUDIENCE'),
    encryptionKeys: readEncryptionKeys(variables),
    opsUser: text('OPS_USER'),
    opsPassword: text('OPS_PASSWORD'),
    metricsToken: text('METRICS_TOKEN'),
    dingtalkBaseUrl: url('DINGTALK_BASE_URL', ['https:', 'http:']) ?? 'https://oapi.dingtalk.com',
    dingtalkApiBaseUrl: url('DINGTALK_API_BASE_URL', ['https:', 'http:']) ?? 'https://api.dingtalk.com',
    wechatWorkBaseUrl: url('WECHAT_WORK_BASE_URL', ['https:', 'http:']) ?? 'https://qyapi.weixin.qq.com',
    timeZone: timeZone(text('TIME_ZONE') ?? 'Asia/Shanghai'),
    retryMax: integer('RETRY_MAX', 3, 0, 100),
    retryInitialDelayMs: integer('RETRY_INITIAL_DELAY_MS', 60_000, 1, 86_400_000),
    sendTimeoutMs: integer('SEND_TIMEOUT_MS', 10_000, 1, 600_000),
    workerQueues: list('WORKER_QUEUES'),
    pipelineConcurrency: integer('PIPELINE_CONCURRENCY', 64, 1, 1000),
    channelConcurrency: integer('CHANNEL_CONCURRENCY', 100, 1, 10_000),
    workerMetricsPort: integer('WORKER_METRICS_PORT', 9464, 0, 65_535),
    channelAdapters: list('CHANNEL_ADAPTERS'),
    messageHandlers: list('MESSAGE_HANDLERS'),
    callbackAllowCidrs: list('CALLBACK_ALLOW_CIDRS').map(cidr),
    logLevel: oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
    logFile: text('LOG_FILE'),
    logFileMaxMb: integer('LOG_FILE_MAX_MB', 100, 1, 100_000),
    logFileKeep: integer('LOG_FILE_KEEP', 14, 1, 10_000),
    tracing: readTracingEnv(variables),
    nacos: readNacosEnv(variables),
  }
}

/** One server, a cluster, or a master that sentinels name; beside the last two, REDIS_URL is there for what it says besides. */
function readRedisEnv(variables: Variables) {
  const { text, list, url, required } = readers(variables)
  const redisClusterNodes = nodes('REDIS_CLUSTER_NODES', list)
  const redisSentinels = nodes('REDIS_SENTINELS', list)
  if (redisSentinels.length > 0) required('REDIS_SENTINEL_NAME')
  if (redisSentinels.length > 0 && redisClusterNodes.length > 0)
    throw new EnvError('REDIS_SENTINELS and REDIS_CLUSTER_NODES exclude each other: a cluster has no sentinels')
  if (redisSentinels.length === 0 && redisClusterNodes.length === 0) required('REDIS_URL')
  const redisUrl = url('REDIS_URL', ['redis:', 'rediss:'])
  if (redisClusterNodes.length > 0 && redisUrl !== undefined && !['', '/', '/0'].includes(new URL(redisUrl).pathname))
    throw new EnvError('REDIS_URL must name database 0 beside REDIS_CLUSTER_NODES: a cluster has no other')
  return {
    redisUrl,
    redisClusterNodes,
    redisSentinels,
    redisSentinelName: text('REDIS_SENTINEL_NAME'),
    redisSentinelPassword: text('REDIS_SENTINEL_PASSWORD'),
  }
}

/** The port of Dubbo and gRPC callers; `rpcPort` is undefined where it is switched off by an empty RPC_PORT. */
function readRpcEnv(variables: Variables) {
  const { text, integer, required } = readers(variables)
  if (text('RPC_TLS_CERT')) required('RPC_TLS_KEY')
  if (text('RPC_TLS_KEY')) required('RPC_TLS_CERT')
  return {
    rpcPort: variables.RPC_PORT?.trim() === '' ? undefined : integer('RPC_PORT', 50_051, 0, 65_535),
    rpcInterface: javaName('RPC_INTERFACE', text('RPC_INTERFACE') ?? 'com.messagecenter.api.MessageSendService'),
    rpcGroup: text('RPC_GROUP'),
    rpcVersion: text('RPC_VERSION'),
    rpcAdvertiseHost: text('RPC_ADVERTISE_HOST'),
    rpcTlsCert: readable('RPC_TLS_CERT', text('RPC_TLS_CERT')),
    rpcTlsKey: readable('RPC_TLS_KEY', text('RPC_TLS_KEY')),
  }
}

/**
 * The part that `npm run migrate` needs, so that it runs without the rest.
 * @throws EnvError
 */
export function readDatabaseEnv(variables: Variables = process.env) {
  const { text, oneOf, url, required } = readers(variables)
  required('DATABASE_URL')
  const databaseUrl = url('DATABASE_URL', ['mysql:']) ?? ''
  if (new URL(databaseUrl).pathname.length < 2) throw new EnvError('DATABASE_URL must end with the name of a database')
  return {
    databaseUrl,
    databaseSsl: oneOf('DATABASE_SSL', ['off', 'required', 'verify'] as const, 'off'),
    databaseSslCa: readable('DATABASE_SSL_CA', text('DATABASE_SSL_CA')),
  }
}

/**
 * The part that `npm run rotate-keys` needs besides the database.
 * @throws EnvError
 */
export function readEncryptionKeys(variables: Variables = process.env): EncryptionKey[] {
  return encryptionKeys(readers(variables).required('CONFIG_ENCRYPTION_KEYS'))
}

/**
 * The API cannot answer anyone without a way to verify tokens.
 * @throws EnvError
 */
export function requireJwtKey(env: Env): void {
  if (!env.jwtSecret && !env.jwtPublicKey && !env.jwtJwksUrl) {
    throw new EnvError('JWT_SECRET is missing: set it, or JWT_PUBLIC_KEY, or JWT_JWKS_URL')
  }
  // RFC 7518, 3.2: a key of at least the hash's size must be used with HS256.
  if (env.jwtSecret && Buffer.byteLength(env.jwtSecret) < 32) {
    throw new EnvError('JWT_SECRET is too short: HS256 wants at least 32 bytes')
  }
}

function encryptionKeys(value: string): EncryptionKey[] {
  const keys = value.split(',').map((entry) => {
    const [kid = '', encoded = '', ...rest] = entry.trim().split(':')
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(kid) || !/^[A-Za-z0-9+/]{43}=$/.test(encoded) || rest.length > 0) {
      throw new EnvError(
        'CONFIG_ENCRYPTION_KEYS must be kid:base64 of 32 bytes, comma-separated (openssl rand -base64 32)',
      )
    }
    return { kid, key: Buffer.from(encoded, 'base64') }
  })
  if (new Set(keys.map(({ kid }) => kid)).size !== keys.length) {
    throw new EnvError('CONFIG_ENCRYPTION_KEYS names a key id twice')
  }
  return keys
}

function readable(name: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    accessSync(file, constants.R_OK)
  } catch (error) {
    throw new EnvError(`${name} names a file that cannot be read: ${file}`, { cause: error })
  }
  return file
}

function nodes(name: string, list: (name: string) => string[]): string[] {
  const entries = list(name)
  const wrong = entries.find((node) => !/^(?:\[[^\]]+\]|[^:\s]+):\d{1,5}$/.test(node))
  if (wrong) throw new EnvError(`${name} must be host:port, comma-separated, not '${wrong}'`)
  return entries
}

function javaName(name: string, value: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$/.test(value)) {
    throw new EnvError(`${name} must be the full name of a Java interface, not '${value}'`)
  }
  return value
}

function timeZone(value: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value })
  } catch (error) {
    throw new EnvError(`TIME_ZONE must be an IANA time zone such as Asia/Shanghai, not '${value}'`, { cause: error })
  }
  return value
}

function cidr(value: string): string {
  const [address = '', bits, ...rest] = value.split('/')
  const family = isIP(address)
  const max = family === 6 ? 128 : 32
  if (family === 0 || rest.length > 0 || !(bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= max))) {
    throw new EnvError(`CALLBACK_ALLOW_CIDRS must be address ranges such as 10.0.0.0/8, not '${value}'`)
  }
  return value
}
