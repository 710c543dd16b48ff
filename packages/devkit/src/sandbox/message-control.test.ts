import { describe, expect, it } from 'vitest'
import { startTestSandbox } from './sandbox-testing.ts'

const sandbox = await startTestSandbox()
const { client, url } = sandbox.running

const send = (content: string, token = 't1') =>
  sandbox.post(`/dingtalk/robot/send?access_token=${token}`, { msgtype: 'text', text: { content } })
const sendWecom = (content: string) =>
  sandbox.post('/wecom/cgi-bin/webhook/send?key=k1', { msgtype: 'text', text: { content } })
const contents = async (filter: Parameters<typeof client.messages>[0]) =>
  (await client.messages(filter)).map(({ payload }) => JSON.parse(JSON.stringify(payload)).text.content)

describe('GET /sandbox/messages', () => {
  it('filters by provider, token, text, time, and keeps the newest', async () => {
    await send('one')
    await send('two', 't2')
    const [, second] = await client.messages()
    await sendWecom('three')
    expect(await contents({ provider: 'dingtalk' })).toEqual(['one', 'two'])
    expect(await contents({ token: 't2' })).toEqual(['two'])
    expect(await contents({ contains: 'hre' })).toEqual(['three'])
    expect(await contents({ since: second?.at })).not.toContain('one')
    expect(await contents({ limit: 2 })).toEqual(['two', 'three'])
    expect(await contents({ limit: 0 })).toEqual([])
    await client.clearMessages()
    expect(await contents({})).toEqual([])
  })

  it('finds text with quotes and line ends, and text that came escaped', async () => {
    await send('say "hi"\nand go')
    expect(await client.messages({ contains: 'say "hi"\nand' })).toHaveLength(1)
    await sandbox.post('/dingtalk/robot/send?access_token=t1', '{"msgtype":"text","text":{"content":"\\u4e2d\\u6587"}}')
    expect(await client.messages({ contains: '中文' })).toHaveLength(1)
  })

  it('tells the time of arrival and an id', async () => {
    const before = sandbox.now()
    await send('timed')
    const [message] = await client.messages()
    expect(message?.at).toBeGreaterThanOrEqual(before)
    expect(message?.at).toBeLessThanOrEqual(sandbox.now())
    expect(message?.id).toMatch(/^\d+$/)
  })

  it('refuses a filter that it does not know', async () => {
    expect(await sandbox.get('/sandbox/messages?provider=slack')).toMatchObject({ httpStatus: 400 })
    expect(await sandbox.get('/sandbox/messages?contain=x')).toMatchObject({ httpStatus: 400 })
  })
})

describe('GET /sandbox/wait', () => {
  it('counts what is here already', async () => {
    await send('early')
    expect(await client.wait({ contains: 'early' })).toHaveLength(1)
  })

  it('answers when the last one has come, and not before', async () => {
    await client.addFault({ match: { contentIncludes: 'order-7 lost' }, fault: { kind: 'errcode', errcode: -1 } })
    let done = false
    const waiting = client.wait({ contains: 'order-7', count: 2, provider: 'dingtalk' }).then((items) => {
      done = true
      return items
    })
    await send('order-7 first')
    await send('order-7 lost')
    await sendWecom('order-7 elsewhere')
    expect(done).toBe(false)
    await send('order-7 second')
    expect(await waiting).toHaveLength(2)
  })

  it('does not count what was refused, and gives up in time', async () => {
    await client.addFault({ fault: { kind: 'errcode', errcode: -1 } })
    await send('never')
    await expect(client.wait({ contains: 'never', timeoutMs: 20 })).rejects.toThrow('0 delivered messages matched')
  })

  it('forgets a client that has gone', async () => {
    const gone = new AbortController()
    const waiting = fetch(`${url}/sandbox/wait?contains=x&timeoutMs=600000`, { signal: gone.signal })
    const refused = expect(waiting).rejects.toThrow('aborted')
    gone.abort()
    await refused
    await send('x')
    expect(await client.wait({ contains: 'x' })).toHaveLength(1)
  })
})

describe('counters and settings', () => {
  it('counts messages by provider, key and code, and calls by path', async () => {
    await send('a')
    await send('')
    await sendWecom('b')
    await client.addFault({ match: { token: 't2' }, fault: { kind: 'http', status: 502 } })
    await expect(send('c', 't2')).rejects.toThrow('JSON')
    await sandbox.get('/dingtalk/gettoken?appkey=k&appsecret=s')
    expect(await client.counters()).toEqual({
      received: 4,
      delivered: 2,
      duplicate: 0,
      dropped: 0,
      messages: { dingtalk: { t1: { 0: 1, 40035: 1 }, t2: { http_502: 1 } }, wecom: { k1: { 0: 1 } } },
      calls: { '/robot/send': 3, '/cgi-bin/webhook/send': 1, '/gettoken': 1 },
    })
  })

  it('answers later with a latency, having taken the message at once', async () => {
    const settings = await client.settings({ latencyMs: 600_000 })
    expect(settings).toEqual({ strictTokens: false, tokenLifetimeSeconds: 7200, latencyMs: 600_000 })
    const impatient = new AbortController()
    const late = fetch(`${url}/cgi-bin/webhook/send?key=k1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ msgtype: 'text', text: { content: 'late' } }),
      signal: impatient.signal,
    })
    const refused = expect(late).rejects.toThrow('aborted')
    await client.wait({ contains: 'late' })
    impatient.abort()
    await refused
    await client.settings({ latencyMs: 1 })
    expect(await send('soon')).toMatchObject({ errcode: 0 })
  })

  it.each([
    ['/sandbox/settings', { latency: 5 }],
    ['/sandbox/robots/dingtalk/t1', { secrets: 'x' }],
    ['/sandbox/robots/slack/t1', {}],
    ['/sandbox/apps/wecom/c1/7', { users: ['u1'] }],
  ])('refuses PUT %s %j', async (path, body) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}${path}`, { method: 'PUT', headers, body: JSON.stringify(body) })
    expect(response.status).toBe(400)
  })

  it('is healthy', async () => {
    expect(await sandbox.get('/health')).toMatchObject({ status: 'ok', httpStatus: 200 })
  })
})
