import type { ProviderAnswer, ProviderRequest } from './fixture.ts'

/**
 * Answers by asking a fake provider that runs as a server already.
 * @param baseUrl may have a path, which is put before that of the call
 */
export function forwardTo(baseUrl: string): (request: ProviderRequest) => Promise<ProviderAnswer> {
  return async ({ method, url, headers, body }) => {
    const answer = await fetch(`${baseUrl}${url.pathname}${url.search}`, {
      method,
      headers: { 'content-type': headers['content-type'] ?? '' },
      ...(method === 'GET' ? {} : { body }),
    })
    return {
      status: answer.status,
      headers: { 'content-type': answer.headers.get('content-type') ?? '' },
      body: await answer.text(),
    }
  }
}
