import { createHmac, randomBytes } from 'node:crypto'

const PREFIX = 'whsec_'
/** Standard Webhooks asks for 24 to 64 bytes. */
const SECRET_BYTES = 32

/** A new signing secret, serialised after Standard Webhooks. */
export function newSigningSecret(): string {
  return `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`
}

/** What is signed. */
export interface SignedContent {
  /** Holds no full stop. */
  id: string
  /** Unix time in seconds. */
  timestamp: number
  body: string
}

/**
 * The headers of Standard Webhooks 1.0.0 ("Webhook headers"), with one HMAC-SHA256 signature per secret.
 * @param secrets `whsec_…`, at least one
 */
export function webhookHeaders({ id, timestamp, body }: SignedContent, secrets: readonly string[]) {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signatures.join(' ') }
}
