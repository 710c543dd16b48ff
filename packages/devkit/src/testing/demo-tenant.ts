import type { ChannelConfig } from '@message-center/core/contracts/channel-configs.ts'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { ApiCaller } from './api-caller.ts'
import { until } from './until.ts'

/** Settings of a channel config that reaches the sandbox, by channel type. */
const SETTINGS: Record<string, Record<string, unknown>> = {
  DINGTALK: { mode: 'robot', accessToken: 'test-dingtalk' },
  WECHAT_WORK: { mode: 'robot', key: 'test-wecom' },
  LOCAL: { recipients: ['${userId}'] },
}
/** More than any test sends: limits are tested by configs of their own. */
const AMPLE = { rateLimitCount: 100_000, rateLimitWindow: 1, rateLimitUnit: 'SECOND' }

/** Creates a channel config through the API; `fields` replace or add to a plain one. */
export async function createConfig(
  call: ApiCaller,
  channelType: string,
  fields: Record<string, unknown> = {},
): Promise<ChannelConfig> {
  const body = { channelType, channelName: channelType, configJson: SETTINGS[channelType], ...AMPLE, ...fields }
  return created(await call<ChannelConfig>('POST', '/api/channel-configs', body))
}

/** Creates a TEXT template that says `<businessType> ${orderNo}`; `fields` replace or add. */
export async function createTemplate(
  call: ApiCaller,
  businessType: string,
  channelType: string,
  fields: Record<string, unknown> = {},
): Promise<void> {
  created(
    await call('POST', '/api/templates', {
      businessType,
      channelType,
      messageType: 'TEXT',
      templateName: `${businessType} ${channelType}`,
      templateContent: `${businessType} \${orderNo}`,
      ...fields,
    }),
  )
}

/** A config and a TEXT template for each of the three built-in channels. */
export async function setUpAllChannels(call: ApiCaller, businessType: string): Promise<void> {
  for (const channelType of Object.keys(SETTINGS)) {
    await createConfig(call, channelType)
    await createTemplate(call, businessType, channelType)
  }
}

/** Resolves when the message has its final status. */
export function finalMessage(call: ApiCaller, messageId: string, limitMs?: number): Promise<MessageDetail> {
  return until(
    `message ${messageId} to be final`,
    async () => {
      const { body } = await call<MessageDetail>('GET', `/api/messages/${messageId}`)
      return body.finishTime ? body : undefined
    },
    limitMs,
  )
}

function created<Body>({ status, body }: { status: number; body: Body }): Body {
  if (status !== 201) throw new Error(`expected 201, got ${status}: ${JSON.stringify(body)}`)
  return body
}
