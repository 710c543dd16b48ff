import { KeyObject } from 'node:crypto'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { createRemoteJWKSet, customFetch, errors } from 'jose'

/** An unknown `kid` asks the issuer again, but strangers who make ids up must not make us ask for each of them. */
const REFETCH_AFTER_MS = 5_000
/** Keys that the issuer has withdrawn are forgotten this late at most. */
const REFRESH_EVERY_MS = 300_000
const FETCH_TIMEOUT_MS = 5_000

export interface IssuerKeys {
  /**
   * The public key that a token names, as PEM; a token without `kid` gets the only key that fits.
   * @throws AppError UNAUTHORIZED where the issuer has no such key, UNAVAILABLE where it cannot be asked
   */
  pem(header: { alg?: string; kid?: string }): Promise<string>
  close(): void
}

/**
 * The keys of a token issuer (RFC 7517). Known keys stay known while its URL does not answer; new ones are fetched when a
 * token names them; withdrawn ones go with the next refresh.
 * @param algorithms those that tokens may be signed with
 * @param onError a refresh failed
 */
export function createIssuerKeys(
  url: string,
  algorithms: readonly string[],
  onError: (error: unknown) => void,
): IssuerKeys {
  let askedAt = Number.NEGATIVE_INFINITY
  const keys = createRemoteJWKSet(new URL(url), {
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: REFETCH_AFTER_MS,
    timeoutDuration: FETCH_TIMEOUT_MS,
    // jose waits after an answer only; an issuer that fails is to be spared as well.
    [customFetch]: async (target, options) => {
      if (performance.now() - askedAt < REFETCH_AFTER_MS) throw new Error('the issuer was asked a moment ago')
      askedAt = performance.now()
      return fetch(target, options)
    },
  })
  const refresh = setInterval(() => void keys.reload().catch(onError), REFRESH_EVERY_MS)
  refresh.unref()

  return {
    async pem({ alg = '', kid }) {
      // Nothing but these two is looked at: a key that the token brings along (jwk, jku, x5u) proves nothing.
      if (!algorithms.includes(alg)) throw new AppError('UNAUTHORIZED', 'the token is signed with another algorithm')
      try {
        const key = await keys({ alg, kid })
        return KeyObject.from(key).export({ type: 'spki', format: 'pem' }).toString()
      } catch (error) {
        const isUnknown = error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys
        if (isUnknown)
          throw new AppError('UNAUTHORIZED', 'the token is signed with an unknown key', {}, { cause: error })
        throw new AppError('UNAVAILABLE', "the token issuer's keys cannot be fetched just now", {}, { cause: error })
      }
    },
    close: () => clearInterval(refresh),
  }
}
