import type { Content, MessageType } from '../../contracts/content.ts'
import type { DeliveryReport, RecallOutcome, SendInput, SendOutcome, SendTools, SentMessage } from '../adapter.ts'
import { agentIdOf } from '../agent-id.ts'
import { ChannelError } from '../channel-error.ts'
import { fieldOf, textField } from '../errcode-answer.ts'
import { createMobileLookUps } from '../mobile-look-ups.ts'
import { addNotReached } from '../not-reached.ts'
import { recallAll } from '../recall-all.ts'
import { type PartOutcome, sendInParts } from '../send-in-parts.ts'
import { NOBODY_CODES, UNKNOWN_MOBILE_CODES } from './answer.ts'
import { readSendResult } from './result.ts'
import type { AppConfig, WorkNotice } from './schema.ts'
import { workNotice } from './strategies/app/index.ts'
import type { TopApi, TopApiAnswer } from './topapi.ts'

/** User ids of one call. */
const PART_SIZE = 100
/** DingTalk drops what goes to more people than this in a minute, and says "ok". */
const PAUSE = { recipients: 5000, ms: 60_000 }
/** DingTalk works on a notice after it has said "ok"; then it knows whom it did not reach. */
const CHECK_RESULT_AFTER_MS = 5_000

/** Mode `app`: work notifications to people. */
export function createAppMode(callTopApi: TopApi) {
  const lookUps = createMobileLookUps()

  async function lookUpMobile(config: AppConfig, mobile: string, tools: SendTools): Promise<string | undefined> {
    try {
      const { json } = await callTopApi({ config, path: '/v2/user/getbymobile', body: { mobile } }, tools)
      return textField(fieldOf(json, 'result'), 'userid') || undefined
    } catch (error) {
      if (error instanceof ChannelError && UNKNOWN_MOBILE_CODES.includes(error.code)) return undefined
      throw error
    }
  }

  /** One call; `to` is whom it goes to. */
  async function post(config: AppConfig, to: object, msg: WorkNotice, tools: SendTools): Promise<PartOutcome> {
    const body = { agent_id: agentIdOf(config), ...to, msg }
    const { json, kept } = await callTopApi({ config, path: '/message/corpconversation/asyncsend_v2', body }, tools)
    const taskId = fieldOf(json, 'task_id')
    return { response: kept, notReached: {}, ...(taskId !== undefined && { messageId: String(taskId) }) }
  }

  return {
    /** @throws ChannelError CONTENT_TOO_LONG */
    payload: (type: MessageType, content: Content) => workNotice(type, content, 'reject'),

    /** @throws ChannelError */
    async send(config: AppConfig, input: SendInput, tools: SendTools): Promise<SendOutcome> {
      const msg = workNotice(input.messageType, input.content, config.overflow ?? 'reject')
      if (input.recipients.all) {
        const { response, messageId } = await post(config, { to_all_user: true }, msg, tools)
        return { response, ...(messageId !== undefined && { providerMessageId: messageId }) }
      }
      const outcome = await sendInParts({
        recipients: input.recipients,
        partSize: PART_SIZE,
        pause: PAUSE,
        progress: input.progress,
        saveProgress: tools.saveProgress,
        faultOf: (userId) => (/[,\s]/.test(userId) ? 'not a user id' : undefined),
        lookUp: (mobiles) => lookUps.find(config.appKey, mobiles, (mobile) => lookUpMobile(config, mobile, tools)),
        sendPart: (userIds) => post(config, { userid_list: userIds.join(',') }, msg, tools).catch(nobodyThere(userIds)),
      })
      return config.queryResult === false ? outcome : { ...outcome, checkResultAfterMs: CHECK_RESULT_AFTER_MS }
    },

    /** Not for notices to everyone: DingTalk tells results for up to 100 recipients only. @throws ChannelError */
    async checkResult(config: AppConfig, sent: SentMessage, tools: SendTools): Promise<DeliveryReport | undefined> {
      const answers: TopApiAnswer[] = []
      for (const taskId of idsOf(sent)) {
        const body = { agent_id: agentIdOf(config), task_id: Number(taskId) }
        answers.push(await callTopApi({ config, path: '/message/corpconversation/getsendresult', body }, tools))
      }
      return readSendResult(answers)
    },

    /** Within 24 hours. @throws ChannelError for a passing fault */
    recall(config: AppConfig, sent: SentMessage, tools: SendTools): Promise<RecallOutcome> {
      return recallAll(idsOf(sent), async (taskId) => {
        const body = { agent_id: agentIdOf(config), msg_task_id: Number(taskId) }
        await callTopApi({ config, path: '/message/corpconversation/recall', body }, tools)
      })
    },
  }
}

function idsOf({ providerMessageId }: SentMessage): string[] {
  return providerMessageId ? providerMessageId.split(',') : []
}

/** A part whose recipients are all unknown is no reason to keep the message from the others. */
function nobodyThere(userIds: readonly string[]): (error: unknown) => PartOutcome {
  return (error) => {
    if (!(error instanceof ChannelError) || !NOBODY_CODES.includes(error.code)) throw error
    return { response: error.response, notReached: addNotReached({}, 'unknown user id', userIds), refusal: error }
  }
}
