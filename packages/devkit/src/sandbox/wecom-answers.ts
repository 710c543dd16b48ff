import { accessOf } from './app-access.ts'
import {
  type Answer,
  asRecord,
  isJsonContentType,
  jsonAnswer,
  type ProviderCall,
  type Refusal,
} from './provider-call.ts'
import { byteLength, charLength, type Violation } from './shape.ts'
import type { SandboxState } from './state.ts'
import type { TokenHolder } from './tokens.ts'

/** A refusal in WeCom's long form: the reason, a hint id, the caller's address, and where to read more. */
export function wecomRefusal(refusal: Refusal, call: ProviderCall, state: SandboxState, fields: object = {}): Answer {
  const hint = `${Math.floor(call.at)}${state.nextNumber()}`
  const more = `https://open.work.weixin.qq.com/devtool/query?e=${refusal.errcode}`
  const errmsg = `${refusal.errmsg}, hint: [${hint}], from ip: ${call.ip}, more info at ${more}`
  return jsonAnswer({ errcode: refusal.errcode, errmsg, ...fields })
}

/** Why the body cannot be read; WeCom itself looks less closely at the content type than the sandbox. */
export function checkBody(call: ProviderCall): Refusal | undefined {
  if (!isJsonContentType(call.contentType)) {
    return { errcode: 40035, errmsg: 'invalid parameter, the sandbox wants Content-Type application/json' }
  }
  return asRecord(call.json) === undefined
    ? { errcode: 40035, errmsg: 'invalid parameter, not a json object' }
    : undefined
}

/** The holder of the call's access token, or why it is refused. */
export function checkAccess(call: ProviderCall, state: SandboxState): TokenHolder | Refusal {
  const access = accessOf(call, state)
  switch (access.state) {
    case 'missing':
      return { errcode: 41001, errmsg: 'access_token missing' }
    case 'unknown':
      return { errcode: 40014, errmsg: 'invalid access_token' }
    case 'expired':
      return { errcode: 42001, errmsg: 'access_token expired' }
    case 'valid':
      return access.holder
  }
}

/** WeCom's code and words for a field that is wrong. */
export function violationRefusal({ rule, path, limit }: Violation): Refusal {
  const isAbsent = rule === 'missing' || rule === 'empty'
  if (isAbsent && path.endsWith('.content')) return { errcode: 44004, errmsg: 'empty content' }
  if (isAbsent && path === 'textcard.description') return { errcode: 41033, errmsg: 'missing description' }
  if (isAbsent && /^(textcard|news\..*)\.title$/.test(path)) return { errcode: 41016, errmsg: 'missing title' }
  if (rule === 'tooMany' && path === 'news.articles') return { errcode: 45008, errmsg: 'article count out of limit' }
  if (rule === 'tooLong') {
    return { errcode: 40058, errmsg: `${path} exceed max length ${limit}. invalid Request Parameter` }
  }
  const reasons: Record<Violation['rule'], string> = {
    missing: 'is missing',
    empty: 'is empty',
    unknown: 'is an unknown field (the sandbox refuses what WeCom would ignore)',
    type: 'has the wrong type',
    value: 'has a value that is not allowed',
    url: 'is not a valid url',
    tooMany: `has more than ${limit} items`,
    tooLong: `exceed max length ${limit}`,
  }
  return { errcode: 40058, errmsg: `${path} ${reasons[rule]}. invalid Request Parameter` }
}

/** A limit beyond which WeCom cuts a text without an error. */
export interface CutRule {
  path: string
  value: unknown
  bytes?: number
  chars?: number
}

/** The paths of the texts that will be cut. */
export function cutPaths(rules: readonly CutRule[]): string[] {
  return rules
    .filter(({ value, bytes, chars }) => {
      if (typeof value !== 'string') return false
      return (
        byteLength(value) > (bytes ?? Number.POSITIVE_INFINITY) ||
        charLength(value) > (chars ?? Number.POSITIVE_INFINITY)
      )
    })
    .map(({ path }) => path)
}
