import { checkCredentials } from './app-access.ts'
import { type Answer, asRecord, isJsonContentType, jsonAnswer, type ProviderCall } from './provider-call.ts'
import type { ProviderRoute } from './provider-route.ts'
import type { SandboxState } from './state.ts'

/** The three ways to an app access token, all still in use. Asking again returns the same token and extends it. */
export const dingtalkTokenRoutes: readonly ProviderRoute[] = [
  {
    provider: 'dingtalk',
    method: 'GET',
    path: '/gettoken',
    handle: (call, state) => ({ answer: oldToken(call, state) }),
  },
  {
    provider: 'dingtalk',
    method: 'POST',
    path: '/v1.0/oauth2/accessToken',
    handle: (call, state) => ({ answer: accessToken(call, state) }),
  },
  {
    provider: 'dingtalk',
    method: 'POST',
    path: '/v1.0/oauth2/:corpId/token',
    handle: (call, state) => ({ answer: corpToken(call, state) }),
  },
]

interface Issued {
  token: string
  expiresInSeconds: number
}

function issue(account: string, secret: string, call: ProviderCall, state: SandboxState): Issued | undefined {
  const credentials = checkCredentials({ provider: 'dingtalk', account, secret }, state)
  if ('refused' in credentials) return undefined
  return state.tokens.issue({
    provider: 'dingtalk',
    account,
    secret,
    agentId: credentials.agentId,
    now: call.at,
    lifetimeMs: state.settings.tokenLifetimeSeconds * 1000,
    extend: true,
  })
}

function oldToken(call: ProviderCall, state: SandboxState): Answer {
  const issued = issue(call.query.appkey ?? '', call.query.appsecret ?? '', call, state)
  if (issued === undefined) return jsonAnswer({ errcode: 40089, errmsg: '不合法的corpid或corpsecret' })
  return jsonAnswer({
    errcode: 0,
    access_token: issued.token,
    errmsg: 'ok',
    expires_in: issued.expiresInSeconds,
  })
}

function accessToken(call: ProviderCall, state: SandboxState): Answer {
  const body = newStyleBody(call, ['appKey', 'appSecret'])
  if (body === undefined)
    return newStyleError(state, 'invalidParameter', 'appKey and appSecret as JSON, no other field')
  const issued = issue(String(body.appKey), String(body.appSecret), call, state)
  if (issued === undefined) return newStyleError(state, 'invalidClientIdOrSecret', '无效的clientId或者clientSecret')
  return jsonAnswer({ accessToken: issued.token, expireIn: issued.expiresInSeconds })
}

function corpToken(call: ProviderCall, state: SandboxState): Answer {
  const body = newStyleBody(call, ['client_id', 'client_secret', 'grant_type'])
  if (body?.grant_type !== 'client_credentials') {
    return newStyleError(
      state,
      'invalidParameter',
      'client_id, client_secret and grant_type=client_credentials as JSON',
    )
  }
  const issued = issue(String(body.client_id), String(body.client_secret), call, state)
  if (issued === undefined) return newStyleError(state, 'invalid.client', 'client_id or client_secret is invalid')
  return jsonAnswer({ access_token: issued.token, expires_in: issued.expiresInSeconds })
}

/** The body if it is JSON and has exactly these fields, all strings. */
function newStyleBody(call: ProviderCall, fields: readonly string[]): Record<string, unknown> | undefined {
  const body = asRecord(call.json)
  if (body === undefined || !isJsonContentType(call.contentType)) return undefined
  const isComplete = fields.every((field) => typeof body[field] === 'string')
  return isComplete && Object.keys(body).length === fields.length ? body : undefined
}

function newStyleError(state: SandboxState, code: string, message: string): Answer {
  return jsonAnswer({ code, message, requestid: state.nextNumber().toString(36).toUpperCase() }, 400)
}
