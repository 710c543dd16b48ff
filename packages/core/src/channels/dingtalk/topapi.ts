import type { AccessTokens } from '../access-tokens.ts'
import type { Fetch } from '../adapter.ts'
import { postJson } from '../http.ts'
import { endpointOf } from '../webhook-url.ts'
import { withAccessToken } from '../with-access-token.ts'
import { readAppAnswer } from './answer.ts'
import type { AppConfig } from './schema.ts'
import { createTokenApps } from './token.ts'

/** An answer with errcode 0. */
export interface TopApiAnswer {
  json: unknown
  /** As it may be kept: without secrets. */
  kept: unknown
}

/** One call of the topapi in the name of an app. @throws ChannelError by APP_CODES */
export type TopApi = (
  call: { config: AppConfig; path: string; body: object },
  tools: { fetch: Fetch; signal: AbortSignal },
) => Promise<TopApiAnswer>

/**
 * The topapi below `baseUrl`, with access tokens of the newer API below `apiBaseUrl`.
 * @throws TypeError where a URL is not absolute
 */
export function createTopApi(options: { baseUrl: string; apiBaseUrl: string; tokens: AccessTokens }): TopApi {
  const { baseUrl, apiBaseUrl, tokens } = options
  const tokenApp = createTokenApps(apiBaseUrl)
  const topapi = endpointOf(baseUrl, '/topapi')
  return ({ config, path, body }, { fetch, signal }) => {
    return withAccessToken(tokens, tokenApp(config, fetch), signal, async (token) => {
      const url = new URL(topapi + path)
      url.searchParams.set('access_token', token)
      const answer = await postJson({ fetch, signal, url, body })
      return { json: answer.json, kept: readAppAnswer(answer, [token, config.appSecret]) }
    })
  }
}
