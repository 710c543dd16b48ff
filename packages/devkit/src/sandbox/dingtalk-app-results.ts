import { userOfMobile } from './accounts.ts'
import { declaredApp } from './app-access.ts'
import { checkAppAccess, topAnswer } from './dingtalk-app.ts'
import { readBody } from './dingtalk-form.ts'
import type { Answer, ProviderCall, Refusal } from './provider-call.ts'
import type { ProviderRoute } from './provider-route.ts'
import type { StoredMessage } from './received.ts'
import type { SandboxState } from './state.ts'
import type { TokenHolder } from './tokens.ts'

const KEPT_MS = 24 * 3_600_000

/** What an app asks after a work notice, and the look-up of a user by phone number. */
export const dingtalkAppResultRoutes: readonly ProviderRoute[] = [
  route('/topapi/message/corpconversation/getsendresult', ['agent_id', 'task_id'], sendResult),
  route('/topapi/message/corpconversation/getsendprogress', ['agent_id', 'task_id'], sendProgress),
  route('/topapi/message/corpconversation/recall', ['agent_id', 'msg_task_id'], recall),
  route('/topapi/v2/user/getbymobile', ['mobile'], userByMobile),
]

interface Question {
  body: Record<string, unknown>
  holder: TokenHolder
  call: ProviderCall
  state: SandboxState
}

function route(path: string, fields: readonly string[], respond: (question: Question) => object): ProviderRoute {
  return {
    provider: 'dingtalk',
    method: 'POST',
    path,
    handle: (call, state) => ({ answer: askedBy(call, state, fields, respond) }),
  }
}

function askedBy(
  call: ProviderCall,
  state: SandboxState,
  fields: readonly string[],
  respond: (question: Question) => object,
): Answer {
  const holder = checkAppAccess(call, state)
  if ('errcode' in holder) return topAnswer(state, holder)
  const body = readBody(call)
  if (body === undefined) return topAnswer(state, { errcode: 43009, errmsg: '需要合法的JSON或表单' })
  const wrong =
    fields.find((name) => body[name] === undefined) ?? Object.keys(body).find((name) => !fields.includes(name))
  if (wrong !== undefined) return topAnswer(state, { errcode: 400002, errmsg: `参数错误, ${wrong}` })
  return topAnswer(state, respond({ body, holder, call, state }))
}

function sendResult(question: Question): object {
  const message = findNotice(question, 'task_id')
  if ('errcode' in message) return message
  const { recipients } = message
  // Documented: the call runs into a time-out where the notice went to more than 100 people.
  if (recipients.all || recipients.departments.length > 0) return { errcode: -1, errmsg: '系统繁忙' }
  return {
    errcode: 0,
    send_result: {
      invalid_user_id_list: recipients.invalid,
      forbidden_user_id_list: recipients.dropped,
      failed_user_id_list: [],
      read_user_id_list: [],
      unread_user_id_list: recipients.userIds,
      invalid_dept_id_list: [],
      forbidden_list: recipients.dropped.map((userid) => ({ code: '143106', count: 1, userid })),
    },
  }
}

function sendProgress(question: Question): object {
  const message = findNotice(question, 'task_id')
  if ('errcode' in message) return message
  return { errcode: 0, progress: { progress_in_percent: 100, status: 2 } }
}

function recall(question: Question): object {
  const message = findNotice(question, 'msg_task_id')
  if ('errcode' in message) return message
  question.state.received.recall(message)
  return { errcode: 0, errmsg: 'ok' }
}

function userByMobile({ body, holder, state }: Question): object {
  const mobile = String(body.mobile)
  if (!/^\+?[\d-]{5,20}$/.test(mobile)) return { errcode: 40104, errmsg: '无效的手机号' }
  const userid = userOfMobile(declaredApp(holder, state), mobile)
  if (userid === undefined) return { errcode: 60121, errmsg: '找不到该用户' }
  return { errcode: 0, errmsg: 'ok', result: { userid } }
}

/** The notice that the question is about: of this agent, and not older than 24 hours. */
function findNotice({ body, call, state }: Question, field: string): StoredMessage | Refusal {
  const message = state.received.find('dingtalk', String(body[field]))
  const isHere = message !== undefined && message.key === String(body.agent_id) && call.at - message.at <= KEPT_MS
  return isHere ? message : { errcode: 400002, errmsg: `参数错误, ${field} is unknown or older than 24 hours` }
}
