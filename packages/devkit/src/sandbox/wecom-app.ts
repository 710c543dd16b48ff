import { createHash } from 'node:crypto'
import { type App, knowsUser, userOfMobile } from './accounts.ts'
import { type AppRefusal, admitApp, checkCredentials, declaredApp } from './app-access.ts'
import { asRecord, jsonAnswer, OK, type ProviderCall, type Refusal } from './provider-call.ts'
import type { MessageOutcome, ProviderRoute, RouteResult } from './provider-route.ts'
import { NOBODY } from './received.ts'
import type { SandboxState } from './state.ts'
import { checkAccess, checkBody, wecomRefusal } from './wecom-answers.ts'
import { checkAppMessage, cutAppTexts } from './wecom-app-payload.ts'

const MOST_USERS = 1000
const MOST_PARTIES = 100
const MOST_TAGS = 100
const EVERYONE = '@all'
const DUPLICATE_INTERVAL_SECONDS = 1800
const RECALL_MS = 24 * 3_600_000

const APP_REFUSALS: Record<AppRefusal, Refusal> = {
  agent: { errcode: 40056, errmsg: 'invalid agentid' },
  disabled: { errcode: 50003, errmsg: 'app is disabled' },
  rate: { errcode: 45009, errmsg: 'api freq out of limit' },
}

/** The app side of WeCom: token, send, recall, and the look-up of a user by phone number. */
export const wecomAppRoutes: readonly ProviderRoute[] = [
  { provider: 'wecom', method: 'GET', path: '/cgi-bin/gettoken', handle: giveToken },
  {
    provider: 'wecom',
    method: 'POST',
    path: '/cgi-bin/message/send',
    describe(call) {
      const { agentid, msgtype } = asRecord(call.json) ?? {}
      return { mode: 'app', key: String(agentid ?? ''), msgtype: typeof msgtype === 'string' ? msgtype : '' }
    },
    handle: sendMessage,
  },
  { provider: 'wecom', method: 'POST', path: '/cgi-bin/message/recall', handle: recallMessage },
  { provider: 'wecom', method: 'POST', path: '/cgi-bin/user/getuserid', handle: findUser },
]

function giveToken(call: ProviderCall, state: SandboxState): RouteResult {
  const { corpid: account = '', corpsecret: secret = '' } = call.query
  const credentials = checkCredentials({ provider: 'wecom', account, secret }, state)
  if ('refused' in credentials) {
    const refusal =
      credentials.refused === 'account'
        ? { errcode: 40013, errmsg: 'invalid corpid' }
        : { errcode: 40001, errmsg: 'invalid credential' }
    return { answer: wecomRefusal(refusal, call, state) }
  }
  const { token, expiresInSeconds } = state.tokens.issue({
    provider: 'wecom',
    account,
    secret,
    agentId: credentials.agentId,
    now: call.at,
    lifetimeMs: state.settings.tokenLifetimeSeconds * 1000,
    extend: false,
  })
  return { answer: jsonAnswer({ errcode: 0, errmsg: 'ok', access_token: token, expires_in: expiresInSeconds }) }
}

function sendMessage(call: ProviderCall, state: SandboxState): RouteResult {
  const holder = checkAccess(call, state)
  if ('errcode' in holder) return { answer: wecomRefusal(holder, call, state) }
  const body = asRecord(call.json) ?? {}
  const refusal = checkBody(call) ?? checkAppMessage(body) ?? checkAddressees(body)
  if (refusal !== undefined) return { answer: wecomRefusal(refusal, call, state) }
  const admission = admitApp(holder, String(body.agentid), call, state)
  if ('refused' in admission) return { answer: wecomRefusal(APP_REFUSALS[admission.refused], call, state) }
  const addressees = resolveAddressees(body, admission.app)
  if (!addressees.anyone) {
    const nobody = { errcode: 81013, errmsg: 'user & party & tag all invalid' }
    return { answer: wecomRefusal(nobody, call, state, addressees.unknown) }
  }
  const msgid = state.nextNumber().toString(36)
  const isInteractive = asRecord(body.template_card)?.card_type === 'button_interaction'
  const answer = jsonAnswer({
    errcode: 0,
    errmsg: 'ok',
    ...addressees.unknown,
    msgid,
    response_code: isInteractive ? `response-${msgid}` : '',
  })
  if (isDuplicate(holder.account, body, call, state)) return { answer, message: { duplicate: true } }
  return {
    answer,
    message: { delivered: true, recipients: addressees.recipients, truncated: cutAppTexts(body), messageId: msgid },
  }
}

function checkAddressees(body: Record<string, unknown>): Refusal | undefined {
  const users = idsOf(body.touser)
  if (users.length > MOST_USERS) return { errcode: 40032, errmsg: 'invalid userid list size' }
  if (idsOf(body.toparty).length > MOST_PARTIES) return { errcode: 82002, errmsg: 'invalid party list size' }
  if (idsOf(body.totag).length > MOST_TAGS) return { errcode: 82003, errmsg: 'invalid tag list size' }
  if (users.includes('')) return { errcode: 40031, errmsg: 'invalid userid list' }
  if (users.length + idsOf(body.toparty).length + idsOf(body.totag).length === 0) {
    return { errcode: 82001, errmsg: 'touser, toparty and totag are all empty' }
  }
}

interface Addressees {
  recipients: NonNullable<MessageOutcome['recipients']>
  anyone: boolean
  /** WeCom's fields for those who get nothing: joined by `|`, user ids in lower case. */
  unknown: Record<'invaliduser' | 'invalidparty' | 'invalidtag' | 'unlicenseduser', string>
}

function resolveAddressees(body: Record<string, unknown>, app: App | undefined): Addressees {
  const users = idsOf(body.touser)
  const all = users.includes(EVERYONE)
  const addressed = all ? [] : users
  const invalid = addressed.filter((id) => !knowsUser(app, id))
  const known = addressed.filter((id) => !invalid.includes(id))
  const unlicensed = known.filter((id) => app?.users?.some((user) => user.unlicensed && sameId(user.userId, id)))
  const userIds = known.filter((id) => !unlicensed.includes(id))
  const [departments, invalidParties] = split(all ? [] : idsOf(body.toparty), app?.departments)
  const [tags, invalidTags] = split(all ? [] : idsOf(body.totag), app?.tags)
  return {
    recipients: { ...NOBODY, userIds, departments, tags, all, invalid: [...invalid, ...unlicensed] },
    anyone: all || userIds.length + departments.length + tags.length > 0,
    unknown: {
      invaliduser: invalid.join('|').toLowerCase(),
      invalidparty: invalidParties.join('|'),
      invalidtag: invalidTags.join('|'),
      unlicenseduser: unlicensed.join('|').toLowerCase(),
    },
  }
}

/** With the check on: the same message to the same people within the interval is answered "ok" and not shown again. */
function isDuplicate(account: string, body: Record<string, unknown>, call: ProviderCall, state: SandboxState): boolean {
  if (body.enable_duplicate_check !== 1) return false
  const { agentid, touser, toparty, totag, msgtype } = body
  const essence = JSON.stringify([account, String(agentid), touser, toparty, totag, msgtype, body[String(msgtype)]])
  const key = `wecom app ${createHash('sha1').update(essence).digest('base64')}`
  if (state.recent.has(key, call.at)) return true
  const seconds = Number(body.duplicate_check_interval ?? DUPLICATE_INTERVAL_SECONDS)
  state.recent.add(key, call.at + seconds * 1000)
  return false
}

function recallMessage(call: ProviderCall, state: SandboxState): RouteResult {
  const body = asRecord(call.json) ?? {}
  const holder = checkAccess(call, state)
  const refusal = 'errcode' in holder ? holder : (checkBody(call) ?? checkOnly(body, 'msgid'))
  const message = state.received.find('wecom', String(body.msgid))
  if (refusal !== undefined || message === undefined || call.at - message.at > RECALL_MS) {
    const unknown = { errcode: 40058, errmsg: 'msgid is unknown or older than 24 hours. invalid Request Parameter' }
    return { answer: wecomRefusal(refusal ?? unknown, call, state) }
  }
  state.received.recall(message)
  return { answer: OK }
}

function findUser(call: ProviderCall, state: SandboxState): RouteResult {
  const body = asRecord(call.json) ?? {}
  const holder = checkAccess(call, state)
  if ('errcode' in holder) return { answer: wecomRefusal(holder, call, state) }
  const refusal = checkBody(call) ?? checkOnly(body, 'mobile')
  const userid = userOfMobile(declaredApp(holder, state), String(body.mobile))
  if (refusal !== undefined || userid === undefined) {
    return { answer: wecomRefusal(refusal ?? { errcode: 46004, errmsg: 'user not exist' }, call, state) }
  }
  return { answer: jsonAnswer({ errcode: 0, errmsg: 'ok', userid }) }
}

/** The body must be exactly this one string field. */
function checkOnly(body: Record<string, unknown>, field: string): Refusal | undefined {
  const isRight = typeof body[field] === 'string' && Object.keys(body).length === 1
  return isRight
    ? undefined
    : { errcode: 40058, errmsg: `${field} and nothing else is wanted. invalid Request Parameter` }
}

function split(ids: readonly string[], directory: readonly string[] | undefined): [known: string[], unknown: string[]] {
  const isKnown = (id: string) => directory === undefined || directory.includes(id)
  return [ids.filter(isKnown), ids.filter((id) => !isKnown(id))]
}

function idsOf(value: unknown): string[] {
  return typeof value === 'string' && value !== '' ? value.split('|') : []
}

function sameId(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase()
}
