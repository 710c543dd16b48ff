import type { AccessTokens } from '../access-tokens.ts'
import type { Fetch } from '../adapter.ts'
import { postJson } from '../http.ts'
import { endpointOf } from '../webhook-url.ts'
import { withAccessToken } from '../with-access-token.ts'
import { readAppAnswer } from './answer.ts'
import type { AppConfig } from './schema.ts'
import { createTokenApps } from './token.ts'

/** One call in the name of an app; the answer has errcode 0. @throws ChannelError by APP_CODES */
export type AppApi = (
  call: { config: AppConfig; path: string; body: object },
  tools: { fetch: Fetch; signal: AbortSignal },
) => Promise<{
  json: unknown
  /** As it may be kept: without secrets. */
  kept: unknown
}>

/**
 * The calls of an app below `baseUrl`, with its access token.
 * @throws TypeError where the URL is not absolute
 */
export function createAppApi({ baseUrl, tokens }: { baseUrl: string; tokens: AccessTokens }): AppApi {
  const api = endpointOf(baseUrl, '/cgi-bin')
  const tokenApp = createTokenApps(baseUrl)
  return ({ config, path, body }, { fetch, signal }) => {
    return withAccessToken(tokens, tokenApp(config, fetch), signal, async (token) => {
      const url = new URL(api + path)
      url.searchParams.set('access_token', token)
      const answer = await postJson({ fetch, signal, url, body })
      return { json: answer.json, kept: readAppAnswer(answer, [token, config.corpSecret]) }
    })
  }
}
