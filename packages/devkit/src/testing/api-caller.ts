import { rememberSecretsOf } from './leaks.ts'

/** An answer of the API; `body` is parsed where it is JSON. */
export interface ApiAnswer<Body> {
  status: number
  headers: Headers
  body: Body
}

/** `Body` is what the test expects; nothing checks it. */
export type ApiCaller = <Body = unknown>(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<ApiAnswer<Body>>

/** Calls an API over HTTP. A string body goes out as it is; anything else as JSON. */
export function createApiCaller(baseUrl: string, token: string): ApiCaller {
  return async <Body>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    rememberSecretsOf(body)
    const response = await fetch(new URL(path, baseUrl), {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : text) as Body }
  }
}
