import type { Content, MessageType } from '../../contracts/content.ts'
import type { RecallOutcome, SendInput, SendOutcome, SendTools, SentMessage } from '../adapter.ts'
import { agentIdOf } from '../agent-id.ts'
import { ChannelError } from '../channel-error.ts'
import { textField } from '../errcode-answer.ts'
import { createMobileLookUps } from '../mobile-look-ups.ts'
import { addNotReached, countNotReached, type NotReached } from '../not-reached.ts'
import { recallAll } from '../recall-all.ts'
import { type PartOutcome, sendInParts } from '../send-in-parts.ts'
import { NOBODY_CODES, UNKNOWN_MOBILE_CODES } from './answer.ts'
import type { AppApi } from './app-api.ts'
import type { AppConfig, AppPayload } from './schema.ts'
import { appMessage } from './strategies/app/index.ts'

/** User ids of one call. */
const PART_SIZE = 1000
const PAUSE = { recipients: Number.POSITIVE_INFINITY, ms: 1_000 }
const EVERYONE = '@all'
/** Covers the default retries after 1, 2 and 4 minutes; the shorter, the sooner the same text may be sent on purpose. */
const DUPLICATE_CHECK_SECONDS = 600

/** Mode `app`: messages of an app to people. */
export function createAppMode(callApi: AppApi) {
  const lookUps = createMobileLookUps()

  async function lookUpMobile(config: AppConfig, mobile: string, tools: SendTools): Promise<string | undefined> {
    try {
      const { json } = await callApi({ config, path: '/user/getuserid', body: { mobile } }, tools)
      return textField(json, 'userid') || undefined
    } catch (error) {
      if (error instanceof ChannelError && UNKNOWN_MOBILE_CODES.includes(error.code)) return undefined
      throw error
    }
  }

  /** One call; `touser` is its list. */
  async function post(config: AppConfig, touser: string, payload: AppPayload, tools: SendTools): Promise<PartOutcome> {
    const body = { touser, agentid: agentIdOf(config), ...payload, ...duplicateCheck(config) }
    const { json, kept } = await callApi({ config, path: '/message/send', body }, tools)
    const messageId = textField(json, 'msgid')
    const userIds = touser.split('|')
    const notReached = notReachedOf(json, userIds)
    const reachedNobody = countNotReached(notReached) >= userIds.length
    return { response: kept, notReached, ...(messageId && !reachedNobody && { messageId }) }
  }

  return {
    /** @throws ChannelError CONTENT_TOO_LONG */
    payload: (type: MessageType, content: Content) => appMessage(type, content, 'reject'),

    /** @throws ChannelError */
    async send(config: AppConfig, input: SendInput, tools: SendTools): Promise<SendOutcome> {
      const payload = appMessage(input.messageType, input.content, config.overflow ?? 'reject')
      if (input.recipients.all) {
        const { response, messageId } = await post(config, EVERYONE, payload, tools)
        return { response, ...(messageId !== undefined && { providerMessageId: messageId }) }
      }
      return sendInParts({
        recipients: input.recipients,
        partSize: PART_SIZE,
        pause: PAUSE,
        progress: input.progress,
        saveProgress: tools.saveProgress,
        faultOf,
        lookUp: (mobiles) => lookUps.find(config.corpId, mobiles, (mobile) => lookUpMobile(config, mobile, tools)),
        sendPart: (userIds) => post(config, userIds.join('|'), payload, tools).catch(nobodyThere(userIds)),
      })
    },

    /** Within 24 hours. @throws ChannelError for a passing fault */
    recall(config: AppConfig, { providerMessageId }: SentMessage, tools: SendTools): Promise<RecallOutcome> {
      return recallAll(providerMessageId ? providerMessageId.split(',') : [], async (msgid) => {
        await callApi({ config, path: '/message/recall', body: { msgid } }, tools)
      })
    },
  }
}

/** Among user ids, `@all` would reach everyone though the message does not say `all`. */
function faultOf(userId: string): string | undefined {
  return userId.toLowerCase() === EVERYONE || /[|\s]/.test(userId) ? 'not a user id' : undefined
}

function duplicateCheck({ duplicateCheckSeconds = DUPLICATE_CHECK_SECONDS }: AppConfig): object {
  return duplicateCheckSeconds === 0
    ? {}
    : { enable_duplicate_check: 1, duplicate_check_interval: duplicateCheckSeconds }
}

/** The ids that an "ok" names as not reached: in lower case, joined by `|`; told as they were given. */
function notReachedOf(json: unknown, userIds: readonly string[]): NotReached {
  const given = new Map(userIds.map((userId) => [userId.toLowerCase(), userId]))
  const listed = (field: string): string[] =>
    textField(json, field)
      .split('|')
      .filter((userId) => userId !== '')
      .map((userId) => given.get(userId.toLowerCase()) ?? userId)
  const unknown = addNotReached({}, 'unknown user id', listed('invaliduser'))
  return addNotReached(unknown, 'no licence', listed('unlicenseduser'))
}

/** A part whose recipients are all unknown is no reason to keep the message from the others. */
function nobodyThere(userIds: readonly string[]): (error: unknown) => PartOutcome {
  return (error) => {
    if (!(error instanceof ChannelError) || !NOBODY_CODES.includes(error.code)) throw error
    return { response: error.response, notReached: addNotReached({}, 'unknown user id', userIds), refusal: error }
  }
}
