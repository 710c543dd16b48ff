/** Shorter values would hit ordinary words; in URLs they are caught by the parameter's name. */
const SHORTEST_SECRET = 6
const SIGNING_SECRETS = /whsec_[A-Za-z0-9+/]+=*/g
const URL_PARAMETERS = /(?<![a-z])(access_token|key|sign|secret|appsecret|corpsecret|ticket)=[^&\s"'<>\\]+/gi

/**
 * Takes secrets out of a provider's text before it is stored or shown: the values of URL parameters that carry
 * credentials, signing secrets, and the given values wherever they stand, plain or URL-encoded.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const known = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .sort((a, b) => b.length - a.length)
  const withoutValues = known.reduce((rest, secret) => rest.replaceAll(secret, '******'), text)
  return withoutValues.replace(URL_PARAMETERS, '$1=******').replace(SIGNING_SECRETS, 'whsec_******')
}
