import type { AccessToken } from './access-token-store.ts'
import type { AccessTokens, TokenApp } from './access-tokens.ts'
import { ChannelError } from './channel-error.ts'

/**
 * Runs a call with the app's access token; where the provider refuses the token, once more with a newer one.
 * @throws ChannelError; TOKEN_EXPIRED never gets out: refused twice, it is PERMANENT
 */
export async function withAccessToken<T>(
  tokens: AccessTokens,
  app: TokenApp,
  signal: AbortSignal,
  call: (token: string) => Promise<T>,
): Promise<T> {
  const token = await tokens.get(app, signal)
  try {
    return await call(token.value)
  } catch (error) {
    if (!isTokenExpired(error)) throw error
  }
  return secondCall(tokens, app, token, signal, call)
}

async function secondCall<T>(
  tokens: AccessTokens,
  app: TokenApp,
  refused: AccessToken,
  signal: AbortSignal,
  call: (token: string) => Promise<T>,
): Promise<T> {
  const token = await tokens.renew(app, refused, signal)
  try {
    return await call(token.value)
  } catch (error) {
    if (!isTokenExpired(error)) throw error
    const { code, message, response } = error
    const details = { code, message: `a new access token was refused too: ${message}` }
    throw new ChannelError('PERMANENT', response === undefined ? details : { ...details, response }, { cause: error })
  }
}

function isTokenExpired(error: unknown): error is ChannelError {
  return error instanceof ChannelError && error.errorClass === 'TOKEN_EXPIRED'
}
