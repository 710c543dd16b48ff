import { type Accounts, createAccounts } from './accounts.ts'
import { type Counters, createCounters } from './counters.ts'
import { createFaults, type Faults } from './faults.ts'
import { createReceivedStore, type ReceivedStore } from './received.ts'
import { createRecentKeys, type RecentKeys } from './recent.ts'
import { createTokens, type Tokens } from './tokens.ts'

const MOST_REMEMBERED_MESSAGES = 200_000

export interface Settings {
  /** Refuse robots and apps that were not declared by the control API. */
  strictTokens: boolean
  tokenLifetimeSeconds: number
  /** Every provider answer comes this much later. */
  latencyMs: number
}

const DEFAULT_SETTINGS: Readonly<Settings> = { strictTokens: false, tokenLifetimeSeconds: 7200, latencyMs: 0 }

/** Everything that the sandbox knows; all in memory, all bounded. */
export interface SandboxState {
  /** Epoch milliseconds with fraction. */
  now(): number
  settings: Settings
  accounts: Accounts
  tokens: Tokens
  faults: Faults
  received: ReceivedStore
  counters: Counters
  /** What makes a second message a double: msgUuids, work notices of the day, WeCom's duplicate check. */
  recent: RecentKeys
  /** A number that grows, for task ids, message ids and request ids. */
  nextNumber(): number
}

/** Creates the state of a sandbox that has received nothing yet. */
export function createState(now: () => number): SandboxState {
  const tokens = createTokens()
  let number = 256_271_660_000
  return {
    now,
    settings: { ...DEFAULT_SETTINGS },
    accounts: createAccounts(),
    tokens,
    faults: createFaults(tokens),
    received: createReceivedStore(),
    counters: createCounters(),
    recent: createRecentKeys(MOST_REMEMBERED_MESSAGES),
    nextNumber() {
      number += 1
      return number
    },
  }
}

/** Back to the beginning: no messages, faults, declarations, tokens; default settings. */
export function resetState(state: SandboxState): void {
  Object.assign(state.settings, DEFAULT_SETTINGS)
  state.accounts.clear()
  state.tokens.revoke()
  state.faults.clear()
  state.received.clear()
  state.counters.clear()
  state.recent.clear()
}
