/** Where a webhook may point, and the parameter that carries its credential. */
export interface WebhookRule {
  /** Exact addresses without query, e.g. `https://oapi.dingtalk.com/robot/send`. */
  endpoints: readonly string[]
  parameter: string
}

/**
 * The address of `path` under a base URL, which may have a path prefix and a trailing slash.
 * @throws TypeError where `baseUrl` is not an absolute URL
 */
export function endpointOf(baseUrl: string, path: string): string {
  const base = new URL(baseUrl)
  return base.origin + base.pathname.replace(/\/+$/, '') + path
}

/**
 * Why a webhook is refused, or `undefined`. A config must not make the service call another address, so the webhook has to begin
 * with an allowed endpoint literally: two readings of one URL (userinfo, backslash, upper case, port, dot segments)
 * cannot be told apart by a parser that normalises first.
 */
export function webhookFault(webhook: string, rule: WebhookRule): string | undefined {
  const endpoint = rule.endpoints.find((allowed) => webhook.startsWith(`${allowed}?`))
  if (endpoint === undefined) return `must begin with ${rule.endpoints.map((allowed) => `${allowed}?`).join(' or ')}`
  const query = webhook.slice(endpoint.length + 1)
  if (!/^[A-Za-z0-9._~%=&+-]*$/.test(query)) return 'has characters after ? that a query cannot hold'
  const values = new URLSearchParams(query).getAll(rule.parameter)
  if (values.length !== 1 || !values[0]) return `must hold ${rule.parameter} once`
  return undefined
}

/** The credential in a webhook that has passed `webhookFault`. */
export function webhookCredential(webhook: string, parameter: string): string | undefined {
  return new URL(webhook).searchParams.get(parameter) ?? undefined
}
