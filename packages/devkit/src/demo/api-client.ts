const REQUEST_TIMEOUT_MS = 15_000

/** The REST API as the demo uses it; every call throws an Error that names the call and the API's own error. */
export interface ApiClient {
  get<Answer>(path: string): Promise<Answer>
  post<Answer>(path: string, body: object): Promise<Answer>
}

/** @param baseUrl without a slash at its end */
export function createApiClient(baseUrl: string, token: string): ApiClient {
  async function call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}: ${text}`)
    return JSON.parse(text)
  }
  return { get: (path) => call('GET', path), post: (path, body) => call('POST', path, body) }
}
