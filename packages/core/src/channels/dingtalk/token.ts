import type { TokenApp } from '../access-tokens.ts'
import type { Fetch } from '../adapter.ts'
import { ChannelError } from '../channel-error.ts'
import { type CodeRule, fieldOf, permanent, rateLimited, textField, transient } from '../errcode-answer.ts'
import { type JsonAnswer, postJson } from '../http.ts'
import { httpStatusFault } from '../http-status.ts'
import { redact } from '../redact.ts'
import { endpointOf } from '../webhook-url.ts'
import { ipBan } from './answer.ts'
import type { AppConfig } from './schema.ts'

/** Codes of the newer API, which reports by the HTTP status and `{code, message}`; a code that ends in `*` is a beginning. */
export const NEW_API_CODES: readonly (readonly [code: string, rule: CodeRule])[] = [
  ['invalidClientIdOrSecret', permanent('appKey or appSecret is wrong')],
  ['invalid.client', permanent('appKey or appSecret is wrong')],
  ['unauthorized.client', permanent('the app is not authorised')],
  ['server.error', transient('a fault of the server')],
  ['Forbidden.AccessDenied.QpsLimitFor*', rateLimited(1, 'over the rate of a second')],
  ['Forbidden.AccessDenied.QpmLimitFor*', rateLimited(60, 'over the rate of a minute')],
  ['Forbidden.AccessDenied.ApiCountLimitForOrg', permanent('the monthly quota of API calls is used up')],
]

/**
 * The apps that get their access tokens below `apiBaseUrl`.
 * @throws TypeError where the URL is not absolute
 */
export function createTokenApps(apiBaseUrl: string): (config: AppConfig, fetch: Fetch) => TokenApp {
  const endpoint = endpointOf(apiBaseUrl, '/v1.0/oauth2/accessToken')
  return (config, fetch) => ({
    identity: ['DINGTALK', endpoint, config.appKey, config.appSecret],
    fetchToken: (signal) => fetchToken(endpoint, config, fetch, signal),
  })
}

/**
 * Fetches an app's access token (`expireIn` seconds, usually 7200). By the newer API: there the secret is in the body, not
 * in the URL, which is logged everywhere; its tokens hold for the topapi, too.
 * @throws ChannelError
 * @see https://open.dingtalk.com/document/orgapp/obtain-the-access_token-of-an-internal-app
 */
async function fetchToken(
  endpoint: string,
  { appKey, appSecret }: AppConfig,
  fetch: Fetch,
  signal: AbortSignal,
): Promise<{ value: string; lifetimeMs: number }> {
  const answer = await postJson({ fetch, signal, url: endpoint, body: { appKey, appSecret } })
  const value = textField(answer.json, 'accessToken')
  const seconds = Number(fieldOf(answer.json, 'expireIn'))
  const fault = faultOf(answer, [appKey, appSecret])
  if (fault) throw fault
  if (value !== '' && Number.isFinite(seconds)) return { value, lifetimeMs: seconds * 1000 }
  throw new ChannelError('TRANSIENT', { code: 'INVALID_ANSWER', message: 'the answer holds no access token' })
}

function faultOf(answer: JsonAnswer, secrets: readonly string[]): ChannelError | undefined {
  const text = redact(answer.text, secrets)
  const ban = ipBan(answer)
  if (ban) return toError('INVALID_ANSWER', ban, ban.meaning, text)
  const code = textField(answer.json, 'code')
  const rule = ruleOf(code)
  if (!rule) return httpStatusFault(answer, text, Date.now())
  return toError(code, rule, redact(textField(answer.json, 'message'), secrets) || rule.meaning, text)
}

function ruleOf(code: string): CodeRule | undefined {
  return NEW_API_CODES.find(([known]) =>
    known.endsWith('*') ? code.startsWith(known.slice(0, -1)) : code === known,
  )?.[1]
}

function toError(code: string, { errorClass, retryAfterMs }: CodeRule, message: string, response: string) {
  const details = { code, message: `access token: ${message}`, response }
  return new ChannelError(errorClass, retryAfterMs === undefined ? details : { ...details, retryAfterMs })
}
