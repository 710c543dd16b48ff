import type { Template, TemplatePreview } from '@message-center/core/contracts/templates.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
let call: ApiCaller

beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  call = api.caller({ roles: ['operator'] })
})
afterAll(() => api.stop())

const TEXT = { channelType: 'DINGTALK', messageType: 'TEXT' }

async function preview(body: unknown, caller = call) {
  return caller<TemplatePreview>('POST', '/api/templates/preview', body)
}

test('a stored template with data: the content, the variables, and the exact payloads of the provider', async () => {
  const card = {
    title: '订单 ${orderNo}',
    text: '${#items}- ${name}\n${/items}',
    buttons: [{ title: '看', url: 'https://example.com/${orderNo}' }],
  }
  const { body: template } = await call<Template>('POST', '/api/templates', {
    businessType: 'ORDER',
    channelType: 'WECHAT_WORK',
    messageType: 'CARD',
    templateName: 'card',
    templateContent: JSON.stringify(card),
  })
  const businessData = { orderNo: 'A-1', items: [{ name: '茶' }, { name: '杯' }] }
  const { status, body } = await preview({ templateId: template.id, businessData })
  expect(status).toBe(200)
  expect(body).toMatchObject({ missing: [], problems: [] })
  expect(body.variables.toSorted()).toEqual(['items', 'items[].name', 'orderNo'])
  const content = {
    title: '订单 A-1',
    text: '- 茶\n- 杯\n',
    buttons: [{ title: '看', url: 'https://example.com/A-1' }],
  }
  expect(JSON.parse(body.renderedContent ?? '')).toEqual(content)
  expect(body.payloads.robot).toMatchObject({ msgtype: 'template_card' })
  expect(JSON.stringify(body.payloads.robot)).toContain('https://example.com/A-1')
})

test('one that is just being written; numbers keep their digits, attributes and message are there', async () => {
  const templateContent = '${no} ${price} ${attributes.shop} ${message.tenantId} ${message.businessType}'
  const text = `{"channelType":"DINGTALK","messageType":"TEXT","templateContent":${JSON.stringify(templateContent)},
    "businessData":{"no":1234567890123456789,"price":99.00},"attributes":{"shop":"西湖","to":{"mobiles":["13800000000"]}}}`
  const { body } = await call<TemplatePreview>('POST', '/api/templates/preview', text, {
    'content-type': 'application/json',
  })
  const rendered = '1234567890123456789 99.00 西湖 1 PREVIEW'
  expect(body.renderedContent).toBe(rendered)
  expect(body.payloads.robot).toMatchObject({ msgtype: 'text', at: { atMobiles: ['13800000000'] } })
  expect(JSON.stringify(body.payloads.robot)).toContain(rendered)
  const asText = await preview({ ...TEXT, templateContent: '${no}', businessData: '{"no":12345678901234567890}' })
  expect(asText.body.renderedContent).toBe('12345678901234567890')
})

test('variables that the data lacks are told all at once, and nothing is rendered', async () => {
  const { status, body } = await preview({
    ...TEXT,
    templateContent: '${a} ${b.c} ${here} ${#list}${x}${/list} ${list}',
    businessData: { here: 'yes', list: [{ x: 1 }] },
  })
  expect(status).toBe(200)
  expect(body).toMatchObject({ renderedContent: null, missing: ['a', 'b.c'], payloads: {} })
  expect(body.problems).toEqual([{ path: 'list', message: expect.stringContaining('not a text') }])
})

test('content that is too long for one mode of the channel is shown for the other; for all: why', async () => {
  const long = { ...TEXT, templateContent: '${x}', businessData: { x: 'y'.repeat(3_000) } }
  const { body } = await preview(long)
  expect(body.payloads).toEqual({ robot: { msgtype: 'text', text: { content: 'y'.repeat(3_000) } } })
  const tooLong = await preview({ ...long, businessData: { x: 'y'.repeat(21_000) } })
  expect(tooLong.body.renderedContent?.length).toBe(21_000)
  expect(tooLong.body.payloads).toEqual({})
  expect(tooLong.body.problems.map(({ path }) => path)).toEqual(['renderedContent', 'payloads'])
})

test('the inbox has no provider: content without payloads', async () => {
  const { body } = await preview({ ...TEXT, channelType: 'LOCAL', templateContent: 'hi', businessData: {} })
  expect(body).toEqual({ renderedContent: 'hi', variables: [], missing: [], problems: [], payloads: {} })
})

test.for([
  [400, { businessData: {} }, 'templateId'],
  [400, { ...TEXT, businessData: {} }, 'templateId'],
  [400, { ...TEXT, templateId: '1', templateContent: 'a', businessData: {} }, 'templateId'],
  [404, { templateId: '999999', businessData: {} }, undefined],
  [400, { ...TEXT, templateContent: 'a\n${#open}', businessData: {} }, 'templateContent'],
  [400, { ...TEXT, messageType: 'LINK', templateContent: '{"title":"a"}', businessData: {} }, 'templateContent.text'],
  [400, { ...TEXT, channelType: 'PIGEON', templateContent: 'a', businessData: {} }, 'channelType'],
  [400, { ...TEXT, templateContent: 'a', businessData: 'no json' }, 'businessData'],
  [400, { ...TEXT, templateContent: 'a' }, 'businessData'],
  [413, { ...TEXT, templateContent: 'a', businessData: { x: 'y'.repeat(70_000) } }, 'businessData'],
] as const)('%i for %j', async ([status, body, path]) => {
  const answer = await preview(body)
  expect(answer).toMatchObject({ status, body: { details: path ? [{ path }] : [] } })
})

test("another tenant's template is not there", async () => {
  const other = api.caller({ tenantId: '2', roles: ['operator'] })
  const body = { ...TEXT, businessType: 'A', templateName: 'a', templateContent: 'secret of tenant 2' }
  const { body: template } = await other<Template>('POST', '/api/templates', body)
  expect((await preview({ templateId: template.id, businessData: {} })).status).toBe(404)
  expect((await preview({ templateId: template.id, businessData: {} }, other)).status).toBe(200)
})
