import type { AppDeclaration, RobotDeclaration } from './accounts.ts'
import type { CounterValues } from './counters.ts'
import type { FaultRule } from './faults.ts'
import type { Provider } from './provider-call.ts'
import type { MessageFilter, ReceivedMessage } from './received.ts'
import type { Settings } from './state.ts'

export interface WaitFor extends MessageFilter {
  /** Delivered messages to wait for, those already here included; 1 by default. */
  count?: number
  /** 10,000 by default. */
  timeoutMs?: number
}

/** The control API of a running sandbox, typed. Every call throws on an answer that is not 2xx. */
export interface SandboxClient {
  messages(filter?: MessageFilter): Promise<ReceivedMessage[]>
  /** The matching messages, oldest first. Throws where they do not come in time. */
  wait(wanted: WaitFor): Promise<ReceivedMessage[]>
  counters(): Promise<CounterValues>
  /** Returns the id of the fault. */
  addFault(rule: FaultRule): Promise<string>
  removeFault(id: string): Promise<void>
  clearFaults(): Promise<void>
  declareRobot(provider: Provider, token: string, robot?: RobotDeclaration): Promise<void>
  /** `account`: DingTalk app key or WeCom corp id. */
  declareApp(provider: Provider, account: string, agentId: string | number, app?: AppDeclaration): Promise<void>
  settings(change: Partial<Settings>): Promise<Settings>
  /** Makes the access tokens given out so far invalid. */
  revokeTokens(provider?: Provider): Promise<void>
  clearMessages(): Promise<void>
  /** Back to the state of a sandbox just started. */
  reset(): Promise<void>
}

/** Creates a client of the sandbox at `baseUrl`, e.g. `http://127.0.0.1:4010`. */
export function createSandboxClient(baseUrl: string): SandboxClient {
  const call = <Result>(method: string, path: string, body?: unknown) => request<Result>(baseUrl, method, path, body)
  return {
    messages: (filter = {}) => call('GET', `/sandbox/messages?${queryOf(filter)}`),
    async wait(wanted) {
      const result = await call<WaitAnswer>('GET', `/sandbox/wait?${queryOf(wanted)}`)
      if (result.satisfied) return result.items
      throw new Error(`waited for ${JSON.stringify(wanted)}: ${result.count} delivered messages matched`)
    },
    counters: () => call('GET', '/sandbox/counters'),
    async addFault(rule) {
      const { id } = await call<{ id: string }>('POST', '/sandbox/faults', rule)
      return id
    },
    removeFault: (id) => call('DELETE', `/sandbox/faults/${encodeURIComponent(id)}`),
    clearFaults: () => call('DELETE', '/sandbox/faults'),
    declareRobot: (provider, token, robot = {}) =>
      call('PUT', `/sandbox/robots/${provider}/${encodeURIComponent(token)}`, robot),
    declareApp: (provider, account, agentId, app = {}) =>
      call('PUT', `/sandbox/apps/${provider}/${encodeURIComponent(account)}/${agentId}`, app),
    settings: (change) => call('PUT', '/sandbox/settings', change),
    revokeTokens: (provider) => call('DELETE', `/sandbox/tokens?${queryOf({ provider })}`),
    clearMessages: () => call('DELETE', '/sandbox/messages'),
    reset: () => call('POST', '/sandbox/reset'),
  }
}

interface WaitAnswer {
  satisfied: boolean
  count: number
  items: ReceivedMessage[]
}

async function request<Result>(baseUrl: string, method: string, path: string, body?: unknown): Promise<Result> {
  const response = await fetch(new URL(path, baseUrl), {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`sandbox ${method} ${path}: HTTP ${response.status} ${text}`)
  return JSON.parse(text)
}

function queryOf(fields: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, String(value))
  return query.toString()
}
