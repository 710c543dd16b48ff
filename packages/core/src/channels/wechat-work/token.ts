import type { TokenApp } from '../access-tokens.ts'
import type { Fetch } from '../adapter.ts'
import { ChannelError } from '../channel-error.ts'
import { fieldOf, textField } from '../errcode-answer.ts'
import { getJson } from '../http.ts'
import { endpointOf } from '../webhook-url.ts'
import { readTokenAnswer } from './answer.ts'
import type { AppConfig } from './schema.ts'

/**
 * The apps that get their access tokens below `baseUrl`. A token belongs to a secret, so to one app of the corp.
 * @throws TypeError where the URL is not absolute
 */
export function createTokenApps(baseUrl: string): (config: AppConfig, fetch: Fetch) => TokenApp {
  const endpoint = endpointOf(baseUrl, '/cgi-bin/gettoken')
  return (config, fetch) => ({
    identity: ['WECHAT_WORK', endpoint, config.corpId, config.corpSecret],
    fetchToken: (signal) => fetchToken(endpoint, config, fetch, signal),
  })
}

/**
 * Fetches an app's access token (`expires_in` seconds, usually 7200).
 * @throws ChannelError
 * @see https://developer.work.weixin.qq.com/document/path/91039
 */
async function fetchToken(
  endpoint: string,
  { corpId, corpSecret }: AppConfig,
  fetch: Fetch,
  signal: AbortSignal,
): Promise<{ value: string; lifetimeMs: number }> {
  const url = new URL(endpoint)
  url.searchParams.set('corpid', corpId)
  url.searchParams.set('corpsecret', corpSecret)
  const answer = await getJson({ fetch, signal, url })
  readTokenAnswer(answer, [corpSecret])
  const value = textField(answer.json, 'access_token')
  const seconds = Number(fieldOf(answer.json, 'expires_in'))
  if (value !== '' && Number.isFinite(seconds)) return { value, lifetimeMs: seconds * 1000 }
  throw new ChannelError('TRANSIENT', { code: 'INVALID_ANSWER', message: 'the answer holds no access token' })
}
