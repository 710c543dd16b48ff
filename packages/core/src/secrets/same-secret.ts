import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * Compares a secret in constant time, so that a guesser learns nothing from how long it takes: neither how much of the
 * guess is right nor how long the secret is.
 */
export function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
