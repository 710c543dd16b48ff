import { secretsIn } from '@message-center/core/configs/channel-config-secrets.ts'
import { DEMO_CHANNEL_CONFIGS } from '../demo/catalogue.ts'
import type { StoredText } from './stored-text.ts'

/** Fields of channel settings that are secrets, whatever the adapter. */
const SECRET_FIELDS = ['accessToken', 'webhook', 'secret', 'key', 'appSecret', 'corpSecret', 'token', 'password']
/** Shorter values are words that may stand anywhere for other reasons. */
const SHORTEST_SECRET = 8
/** What the system and the sandbox give out themselves, by how it looks. */
const GIVEN_OUT: [what: string, pattern: RegExp][] = [
  ['a token', /eyJhbGciOi[\w-]+\.[\w-]+\.[\w-]{10,}/],
  ['the secret of an API client', /\bmcs_[\w-]{20,}/],
  ['the secret of callbacks', /\bwhsec_[A-Za-z0-9+/]{20,}/],
  ["a provider's access token", /\bsandbox-token-[0-9a-f]{32}/],
]
const SHOWN_AROUND = 200

const remembered = new Set<string>()

/** Remembers secrets that a test uses; nothing of the system may keep or log them from now on. */
export function rememberSecrets(...secrets: (string | undefined)[]): void {
  for (const secret of secrets) if (secret !== undefined && secret.length >= SHORTEST_SECRET) remembered.add(secret)
}

/** Remembers the secrets in a request's body: those of a channel config. */
export function rememberSecretsOf(body: unknown): void {
  const settings = typeof body === 'object' && body !== null && 'configJson' in body ? body.configJson : undefined
  if (typeof settings === 'object' && settings !== null)
    rememberSecrets(...secretsIn(settings as Record<string, unknown>, SECRET_FIELDS))
}

/** Says of each place in which a secret stands which one it is, and shows what stands around it. */
export async function leaksIn(texts: AsyncIterable<StoredText> | Iterable<StoredText>): Promise<string[]> {
  const leaks: string[] = []
  const forms = secretForms()
  for await (const { place, text } of texts) {
    const found = [
      ...forms.flatMap((form) => (text.includes(form) ? [{ what: form, at: text.indexOf(form) }] : [])),
      ...GIVEN_OUT.flatMap(([what, pattern]) => {
        const at = text.search(pattern)
        return at < 0 ? [] : [{ what, at }]
      }),
    ]
    for (const { what, at } of found)
      leaks.push(`${place} holds ${what}: …${text.slice(Math.max(0, at - SHOWN_AROUND), at + SHOWN_AROUND)}…`)
  }
  return leaks
}

/** Each secret as it may be written: plain, in a URL, in base64. */
function secretForms(): string[] {
  for (const config of DEMO_CHANNEL_CONFIGS) rememberSecretsOf(config)
  const forms = [...remembered].flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  ])
  return [...new Set(forms)]
}
