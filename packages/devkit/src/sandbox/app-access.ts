import type { App } from './accounts.ts'
import type { ProviderCall } from './provider-call.ts'
import type { SandboxState } from './state.ts'
import type { TokenHolder } from './tokens.ts'

/** What an access token is worth. */
export type Access = { state: 'missing' | 'unknown' | 'expired' } | { state: 'valid'; holder: TokenHolder }

/** Looks up the `access_token` of a call. */
export function accessOf(call: ProviderCall, state: SandboxState): Access {
  const token = call.query.access_token ?? ''
  if (token === '') return { state: 'missing' }
  const holder = state.tokens.holder(call.provider, token)
  if (holder === undefined) return { state: 'unknown' }
  return holder.expiresAt > call.at ? { state: 'valid', holder } : { state: 'expired' }
}

/** The declared app that a token stands for; undefined where the account declared none: everything is allowed then. */
export function declaredApp(holder: TokenHolder, state: SandboxState): App | undefined {
  const apps = state.accounts.apps(holder.provider, holder.account)
  return apps.find((app) => app.agentId === holder.agentId) ?? apps[0]
}

/** Why an app may not send: not the token's agent id, switched off, or too many calls. */
export type AppRefusal = 'agent' | 'disabled' | 'rate'

/** Lets an app send, which counts against its rate limit, or says why not. */
export function admitApp(
  holder: TokenHolder,
  agentId: string,
  call: ProviderCall,
  state: SandboxState,
): { app: App | undefined } | { refused: AppRefusal } {
  const apps = state.accounts.apps(holder.provider, holder.account)
  if (apps.length === 0) return { app: undefined }
  const app = apps.find((candidate) => candidate.agentId === agentId)
  if (app === undefined || (holder.agentId ?? agentId) !== agentId) return { refused: 'agent' }
  if (app.disabled) return { refused: 'disabled' }
  return app.throttle.admit(call.at) === 'admitted' ? { app } : { refused: 'rate' }
}

/** Why credentials are refused, or the agent id that they belong to (undefined where nothing was declared). */
export function checkCredentials(
  call: { provider: 'dingtalk' | 'wecom'; account: string; secret: string },
  state: SandboxState,
): { refused: 'account' | 'secret' } | { agentId: string | undefined } {
  if (call.account === '') return { refused: 'account' }
  if (call.secret === '') return { refused: 'secret' }
  const apps = state.accounts.apps(call.provider, call.account)
  if (apps.length === 0) return state.settings.strictTokens ? { refused: 'account' } : { agentId: undefined }
  const app = apps.find(({ secret }) => secret === undefined || secret === call.secret)
  return app === undefined ? { refused: 'secret' } : { agentId: app.agentId }
}
