import type { ApiCaller } from '../testing/api-caller.ts'
import { FORMER_CHANNEL, RARE_TYPE } from './aged-data.ts'

/** Median times by what was measured, in milliseconds. */
export type Times = Record<string, number>

const SAMPLES = 7

/** What operators and their pages ask for; 4 million rows down where there are so many. */
const LISTS: Record<string, string> = {
  'list: newest': '',
  'list: status': 'status=FAILED',
  'list: business type': 'businessType=TYPE_3',
  'list: rare business type': `businessType=${RARE_TYPE}`,
  'list: business type that is unknown': 'businessType=UNKNOWN',
  'list: store': 'storeId=17',
  'list: store, type and status': 'storeId=17&businessType=TYPE_3&status=FAILED',
  'list: channel': 'channelType=WECHAT_WORK',
  'list: channel of the oldest month': `channelType=${FORMER_CHANNEL}`,
  'list: channel and status': 'channelType=DINGTALK&status=PARTIAL_SUCCESS',
  'list: one day of last month': `createdFrom=${daysAgo(35)}&createdTo=${daysAgo(34)}`,
  'list: page 40': 'page=40&pageSize=200',
  'list: 4 million rows down, by page': 'page=20001&pageSize=200',
  'audit trail': '',
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString()
}

/** The lists of tenant 1, one message of it, and the first look at a page far down, which has to find the way. */
export async function measureReads(call: ApiCaller, someId: string): Promise<Times> {
  const get = async (path: string) => {
    const startedAt = performance.now()
    const { status, headers } = await call('GET', path)
    if (status !== 200) throw new Error(`${path} was answered ${status}`)
    return { ms: performance.now() - startedAt, link: headers.get('link') }
  }
  const times: Times = {}
  times['list: 4 million rows down, the first time'] = (await get('/api/messages?page=20001&pageSize=200')).ms
  for (const [what, query] of Object.entries(LISTS)) {
    const path = what === 'audit trail' ? '/api/audit-logs' : `/api/messages?${query}`
    times[what] = await median(async () => (await get(path)).ms)
  }
  const { link } = await get('/api/messages?page=20001&pageSize=200')
  const next = /<(.*)>/.exec(link ?? '')?.[1] ?? '/api/messages?pageSize=200'
  times['list: 4 million rows down, by Link'] = await median(async () => (await get(next)).ms)
  times['message with tasks'] = await median(async () => (await get(`/api/messages/${someId}`)).ms)
  times.trace = await median(async () => (await get(`/api/messages/${someId}/trace`)).ms)
  times['failed messages, dry run of a redrive'] = await median(async () => {
    const startedAt = performance.now()
    await call('POST', '/api/messages/retry', { dryRun: true })
    return performance.now() - startedAt
  })
  return times
}

/** The first sample warms up and does not count. */
export async function median(sample: () => Promise<number>, samples = SAMPLES): Promise<number> {
  await sample()
  const times: number[] = []
  for (let turn = 0; turn < samples; turn++) times.push(await sample())
  return times.sort((a, b) => a - b)[Math.floor(samples / 2)] as number
}
