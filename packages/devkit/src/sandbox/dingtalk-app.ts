import { createHash } from 'node:crypto'
import { type App, knowsUser } from './accounts.ts'
import { type AppRefusal, accessOf, admitApp } from './app-access.ts'
import { checkWorkNotice } from './dingtalk-app-payload.ts'
import { readBody } from './dingtalk-form.ts'
import { type Answer, asRecord, jsonAnswer, type ProviderCall, type Refusal } from './provider-call.ts'
import type { ProviderRoute } from './provider-route.ts'
import { NOBODY, type Recipients } from './received.ts'
import type { SandboxState } from './state.ts'
import type { TokenHolder } from './tokens.ts'

const MOST_USERS = 100
const MOST_DEPARTMENTS = 20
const MOST_SENDS_TO_ALL = 3
const DAY_MS = 24 * 3_600_000
/** DingTalk's days begin at midnight in China. */
const CHINA_OFFSET_MS = 8 * 3_600_000
const FIELDS = ['agent_id', 'userid_list', 'dept_id_list', 'to_all_user', 'msg']

const APP_REFUSALS: Record<AppRefusal, Refusal> = {
  agent: { errcode: 40056, errmsg: '不合法的agentid' },
  disabled: { errcode: 50003, errmsg: '应用已停用' },
  rate: { errcode: 90018, errmsg: '您的服务器调用钉钉开放平台API超过限流阈值' },
}

/** `POST /topapi/message/corpconversation/asyncsend_v2?access_token=…`: the work notice. */
export const dingtalkWorkNotice: ProviderRoute = {
  provider: 'dingtalk',
  method: 'POST',
  path: '/topapi/message/corpconversation/asyncsend_v2',
  describe(call) {
    const body = readBody(call)
    const msgtype = asRecord(body?.msg)?.msgtype
    return { mode: 'app', key: String(body?.agent_id ?? ''), msgtype: typeof msgtype === 'string' ? msgtype : '' }
  },
  handle(call, state) {
    const access = checkAppAccess(call, state)
    if ('errcode' in access) return { answer: topAnswer(state, access) }
    const body = readBody(call)
    const refusal = body === undefined ? { errcode: 43009, errmsg: '需要合法的JSON或表单' } : checkEnvelope(body)
    if (body === undefined || refusal !== undefined) return { answer: topAnswer(state, refusal) }
    const admission = admitApp(access, String(body.agent_id), call, state)
    if ('refused' in admission) return { answer: topAnswer(state, APP_REFUSALS[admission.refused]) }
    const wrong = checkWorkNotice(asRecord(body.msg) ?? {})
    if (wrong !== undefined) return { answer: topAnswer(state, wrong) }
    return notify({ body, app: admission.app, account: access.account }, call, state)
  },
}

/** An answer of the topapi, with its request id. */
export function topAnswer(state: SandboxState, fields: object = {}): Answer {
  return jsonAnswer({ ...fields, request_id: state.nextNumber().toString(36) })
}

/** The holder of the call's access token, or why it is refused. */
export function checkAppAccess(call: ProviderCall, state: SandboxState): TokenHolder | Refusal {
  const access = accessOf(call, state)
  switch (access.state) {
    case 'missing':
      return { errcode: 41001, errmsg: '缺少access_token参数' }
    case 'unknown':
      return { errcode: 40014, errmsg: '不合法的access_token' }
    case 'expired':
      return { errcode: 42001, errmsg: 'access_token超时' }
    case 'valid':
      return access.holder
  }
}

function notify(
  { body, app, account }: { body: Record<string, unknown>; app: App | undefined; account: string },
  call: ProviderCall,
  state: SandboxState,
): ReturnType<ProviderRoute['handle']> {
  const users = idsOf(body.userid_list)
  const departments = idsOf(body.dept_id_list)
  const all = isTrue(body.to_all_user)
  const unknownDepartment = departments.find((id) => app?.departments !== undefined && !app.departments.includes(id))
  if (unknownDepartment !== undefined) return { answer: topAnswer(state, { errcode: 40009, errmsg: '不合法的部门id' }) }
  const invalid = users.filter((id) => !knowsUser(app, id))
  if (users.length > 0 && invalid.length === users.length && departments.length === 0 && !all) {
    return { answer: topAnswer(state, { errcode: 33012, errmsg: '无效的USERID' }) }
  }
  const sender = `dingtalk app ${account} ${body.agent_id}`
  const day = Math.floor((call.at + CHINA_OFFSET_MS) / DAY_MS)
  if (all && !takeSendToAll(`${sender} ${day}`, call.at, state)) {
    return { answer: topAnswer(state, { errcode: 41045, errmsg: '全员推送次数超过上限' }) }
  }
  const content = createHash('sha1').update(JSON.stringify(body.msg)).digest('base64')
  const isNew = (target: string) => isFirstToday(`${sender} ${day} ${content} ${target}`, call.at, state)
  const known = users.filter((id) => !invalid.includes(id))
  const fresh = known.filter((id) => isNew(`user ${id}`))
  const recipients: Recipients = {
    ...NOBODY,
    userIds: fresh,
    departments: departments.filter((id) => isNew(`department ${id}`)),
    all: all && isNew('all'),
    invalid,
    dropped: known.filter((id) => !fresh.includes(id)),
  }
  const delivered = recipients.all || fresh.length > 0 || recipients.departments.length > 0
  const taskId = state.nextNumber()
  return {
    answer: topAnswer(state, { errcode: 0, task_id: taskId }),
    message: { delivered, dropped: !delivered, recipients, messageId: String(taskId), body: JSON.stringify(body) },
  }
}

function checkEnvelope(body: Record<string, unknown>): Refusal | undefined {
  const unknown = Object.keys(body).find((name) => !FIELDS.includes(name))
  if (unknown !== undefined) return { errcode: 400002, errmsg: `参数错误, unknown parameter ${unknown}` }
  if (body.agent_id === undefined || body.agent_id === '') return { errcode: 41011, errmsg: '缺少agentid' }
  if (!/^\d{1,15}$/.test(String(body.agent_id))) return { errcode: 40056, errmsg: '不合法的agentid' }
  if (body.to_all_user !== undefined && !['true', 'false'].includes(String(body.to_all_user))) {
    return { errcode: 400002, errmsg: '参数错误, to_all_user' }
  }
  if (asRecord(body.msg) === undefined) return { errcode: 400002, errmsg: '参数错误, msg' }
  const users = checkIds(body.userid_list, MOST_USERS)
  if (users !== undefined) return { errcode: users, errmsg: '不合法的UserID列表' }
  const departments = checkIds(body.dept_id_list, MOST_DEPARTMENTS)
  if (departments !== undefined) return { errcode: departments, errmsg: '不合法的部门列表' }
  const isEmpty = idsOf(body.userid_list).length === 0 && idsOf(body.dept_id_list).length === 0
  if (isEmpty && !isTrue(body.to_all_user)) {
    return { errcode: 400002, errmsg: '参数错误, userid_list, dept_id_list 或 to_all_user 必须有一个' }
  }
}

/** 40031 for a list that is no list of ids, 40032 for one that is too long. */
function checkIds(value: unknown, most: number): number | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value !== 'string') return 40031
  const ids = value.split(',')
  if (ids.includes('')) return 40031
  return ids.length > most ? 40032 : undefined
}

function takeSendToAll(sender: string, now: number, state: SandboxState): boolean {
  for (let send = 1; send <= MOST_SENDS_TO_ALL; send += 1) {
    if (isFirstToday(`${sender} to-all ${send}`, now, state)) return true
  }
  return false
}

/** Remembers the key for the rest of the day (the day is part of the key). */
function isFirstToday(key: string, now: number, state: SandboxState): boolean {
  if (state.recent.has(key, now)) return false
  state.recent.add(key, now + DAY_MS)
  return true
}

function idsOf(value: unknown): string[] {
  return typeof value === 'string' && value !== '' ? value.split(',') : []
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true'
}
