import type { TSchema } from 'typebox'

/**
 * A body's schema with examples, which Swagger UI offers. They run as they are against the demo tenant of `npm start`.
 * @param examples where there are several to choose from, by the name under which Swagger UI lists each
 */
export function withExamples<Schema extends TSchema>(
  schema: Schema,
  examples: readonly unknown[] | Readonly<Record<string, unknown>>,
): Schema {
  if (Array.isArray(examples)) return { ...schema, examples }
  const named = Object.entries(examples).map(([name, value]) => [name, { summary: name, value }])
  return { ...schema, 'x-examples': Object.fromEntries(named) }
}

const ORDER = {
  orderNo: 'SO20250101-0002',
  amount: '99.00',
  buyer: { userId: 'lisi', name: '李四' },
  items: [{ name: '白茶 100g', quantity: 3 }],
}

const ORDER_CREATED = { businessType: 'ORDER_CREATED', businessData: ORDER }

export const MESSAGE_EXAMPLES = {
  'to every configured channel': ORDER_CREATED,
  'to some people, by the inbox alone, before others': {
    ...ORDER_CREATED,
    targetChannels: ['LOCAL'],
    attributes: { to: { userIds: ['zhangsan', 'lisi'] }, priority: 0 },
  },
}

export const BATCH_EXAMPLES = [[ORDER_CREATED, ORDER_CREATED]]

/** All that failed; task ids are made by the system. */
export const RETRY_EXAMPLES = { 'all that failed': {} }

export const REDRIVE_EXAMPLES = {
  'after an outage of DingTalk: how much is it?': {
    errorCode: 'CHANNEL_ERROR',
    channelType: 'DINGTALK',
    createdFrom: '2026-11-23T00:00:00Z',
    dryRun: true,
  },
  'after the repair of a template': {
    status: 'FAILED',
    businessType: 'ORDER_CREATED',
    errorCode: 'TEMPLATE_NOT_FOUND',
    limit: 100,
  },
}

export const CHANNEL_CONFIG_EXAMPLES = {
  'DingTalk robot, its limit smoothed': {
    channelType: 'DINGTALK',
    channelName: '仓库钉钉群机器人',
    storeId: '7',
    configJson: { mode: 'robot', accessToken: 'example-dingtalk-robot', secret: 'SECexample0123456789' },
    rateLimitCount: 20,
    rateLimitWindow: 1,
    rateLimitUnit: 'MINUTE',
    overflowPolicy: 'DEFER',
  },
  'DingTalk app (work notifications)': {
    channelType: 'DINGTALK',
    channelName: '仓库钉钉应用',
    storeId: '7',
    configJson: { mode: 'app', appKey: 'dingexample', appSecret: 'example-app-secret', agentId: '1000001' },
    enabled: false,
  },
  'WeCom robot, in office hours': {
    channelType: 'WECHAT_WORK',
    channelName: '仓库企业微信群机器人',
    storeId: '7',
    configJson: { mode: 'robot', key: '5f4e3d2c-0000-4000-8000-1a2b3c4d5e6f' },
    timeWindowEnabled: true,
    timeWindowStartHour: 9,
    timeWindowEndHour: 18,
    timeWindowPolicy: 'DEFER',
  },
  'WeCom app': {
    channelType: 'WECHAT_WORK',
    channelName: '仓库企业微信应用',
    storeId: '7',
    configJson: { mode: 'app', corpId: 'wwexample', corpSecret: 'example-corp-secret', agentId: 1000002 },
    enabled: false,
  },
  'in-app inbox': {
    channelType: 'LOCAL',
    channelName: '仓库站内信',
    storeId: '7',
    configJson: { recipients: ['${buyer.userId}'] },
  },
}

/** For the demo tenant's first config: another name and limit, the secrets as they are. */
export const CHANNEL_CONFIG_REPLACEMENT_EXAMPLES = [
  {
    channelType: 'DINGTALK',
    channelName: '演示钉钉群机器人（改名）',
    configJson: { mode: 'robot', accessToken: '******', secret: '******' },
    rateLimitCount: 10,
    rateLimitWindow: 1,
    rateLimitUnit: 'MINUTE',
  },
]

export const CONFIG_TEST_EXAMPLES = {
  text: { messageType: 'TEXT', content: '来自消息中心的测试消息' },
  link: {
    messageType: 'LINK',
    content: { title: '测试', text: '来自消息中心的测试消息', url: 'https://example.com/orders' },
  },
}

export const TEMPLATE_EXAMPLES = {
  'text of the inbox': {
    businessType: 'ORDER_SHIPPED',
    channelType: 'LOCAL',
    messageType: 'TEXT',
    templateName: '发货通知（站内信）',
    templateContent: '${buyer.name}，您的订单 ${orderNo} 已发货。',
  },
  'card of DingTalk': {
    businessType: 'ORDER_SHIPPED',
    channelType: 'DINGTALK',
    messageType: 'CARD',
    templateName: '发货通知（钉钉卡片）',
    templateContent: JSON.stringify({
      title: '订单 ${orderNo} 已发货',
      text: '### 订单 ${orderNo} 已发货',
      buttons: [{ title: '查看', url: 'https://example.com/orders/${orderNo}' }],
    }),
  },
}

/** For the demo tenant's first template. */
export const TEMPLATE_REPLACEMENT_EXAMPLES = [
  {
    businessType: 'ORDER_CREATED',
    channelType: 'DINGTALK',
    messageType: 'MARKDOWN',
    templateName: '新订单（钉钉）',
    templateContent: '### 新订单 ${orderNo}\n\n金额 **¥${amount}**\n${#items}- ${name} × ${quantity}\n${/items}',
  },
]

export const TEMPLATE_PREVIEW_EXAMPLES = {
  'a stored template': { templateId: '1', businessData: ORDER },
  'one that is just being written; the data lacks a variable': {
    channelType: 'WECHAT_WORK',
    messageType: 'MARKDOWN',
    templateContent: '**${orderNo}** <font color="warning">¥${amount}</font>',
    businessData: { orderNo: 'SO20250101-0003' },
  },
}

export const SETTING_EXAMPLES = [{ value: 5 }]

export const TICKET_EXAMPLES = [{ userId: 'zhangsan' }]

export const CLIENT_EXAMPLES = [{ name: 'order-service', roles: ['sender'] }]

/** The one example that has to be filled in: what `POST /api/clients` answered. */
export const LOG_IN_EXAMPLES = [{ clientId: 'mc_…', clientSecret: 'mcs_…' }]

export const CALLBACK_SECRET_EXAMPLES = [{}]
