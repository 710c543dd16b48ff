import type { ChannelAdapter } from '@message-center/core'

/**
 * A channel of the bench that posts its text to the `url` of its config, for more HTTP channels than there are built in.
 * Loaded once for each type by a query: `file:///…/http-channel.ts?type=HTTP_1`.
 */
const adapter: ChannelAdapter = {
  type: new URL(import.meta.url).searchParams.get('type') ?? 'HTTP',
  displayName: 'Bench',
  configSchema: { type: 'object', required: ['url'], properties: { url: { type: 'string' } } },
  secretFields: [],
  messageTypes: ['TEXT'],
  rateLimit: { count: 1_000_000, window: 1, unit: 'SECOND' },
  async send({ config, content }, { fetch, signal }) {
    const answer = await fetch(String(config.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ msgtype: 'text', text: { content } }),
      signal,
    })
    const response: unknown = await answer.json()
    if (answer.ok) return { response }
    throw Object.assign(new Error(`HTTP ${answer.status}`), { errorClass: 'TRANSIENT', code: 'HTTP_STATUS', response })
  },
}
export default adapter
