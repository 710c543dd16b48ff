import type { Provider } from './provider-call.ts'
import { createThrottle, type RateLimit, type Throttle } from './throttle.ts'

/** What the control API says about a robot; all that is not said is not checked. */
export interface RobotDeclaration {
  /** DingTalk only: the robot then wants `timestamp` and `sign`. */
  secret?: string
  /** DingTalk only: one of them must occur in the message. */
  keywords?: string[]
  rateLimit?: RateLimit
  disabled?: boolean
}

export interface AppUser {
  userId: string
  mobile?: string
  /** WeCom only: the user has no licence and comes back as `unlicenseduser`. */
  unlicensed?: boolean
}

/** What the control API says about an app; a missing directory (`users`, …) means that every id exists. */
export interface AppDeclaration {
  secret?: string
  users?: AppUser[]
  departments?: string[]
  tags?: string[]
  rateLimit?: RateLimit
  disabled?: boolean
}

export interface Robot extends RobotDeclaration {
  throttle: Throttle
}

export interface App extends AppDeclaration {
  agentId: string
  throttle: Throttle
}

/** Robots and apps that were declared; the others are let in unless `strictTokens` is set. */
export interface Accounts {
  declareRobot(provider: Provider, token: string, robot: RobotDeclaration): void
  declareApp(provider: Provider, account: string, agentId: string, app: AppDeclaration): void
  robot(provider: Provider, token: string): Robot | undefined
  /** The apps of an account (DingTalk app key, WeCom corp id). */
  apps(provider: Provider, account: string): App[]
  clear(): void
}

/** Creates an empty register. */
export function createAccounts(): Accounts {
  const robots = new Map<string, Robot>()
  const apps = new Map<string, Map<string, App>>()
  const nameOf = (provider: Provider, account: string) => `${provider} ${account}`
  return {
    declareRobot(provider, token, robot) {
      robots.set(nameOf(provider, token), { ...robot, throttle: createThrottle(robot.rateLimit) })
    },
    declareApp(provider, account, agentId, app) {
      const name = nameOf(provider, account)
      const siblings = apps.get(name) ?? new Map<string, App>()
      siblings.set(agentId, { ...app, agentId, throttle: createThrottle(app.rateLimit) })
      apps.set(name, siblings)
    },
    robot: (provider, token) => robots.get(nameOf(provider, token)),
    apps: (provider, account) => [...(apps.get(nameOf(provider, account))?.values() ?? [])],
    clear() {
      robots.clear()
      apps.clear()
    },
  }
}

/** True where the app knows the user; an app without a directory knows everyone. */
export function knowsUser(app: App | undefined, userId: string): boolean {
  if (app?.users === undefined) return true
  const wanted = userId.toLowerCase()
  return app.users.some((user) => user.userId.toLowerCase() === wanted)
}

/** The user with this phone number; an app without a directory makes one up (`user-<mobile>`). */
export function userOfMobile(app: App | undefined, mobile: string): string | undefined {
  if (app?.users === undefined) return `user-${mobile}`
  return app.users.find((user) => user.mobile === mobile)?.userId
}
