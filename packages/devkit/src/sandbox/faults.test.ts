import { describe, expect, it } from 'vitest'
import type { Fault, FaultMatch } from './faults.ts'
import { startTestSandbox } from './sandbox-testing.ts'

const sandbox = await startTestSandbox()
const { client, url } = sandbox.running

const raw = (content: string, init: RequestInit = {}) =>
  fetch(`${url}/dingtalk/robot/send?access_token=t1`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ msgtype: 'text', text: { content } }),
    ...init,
  })
const add = (fault: Fault, rest: { match?: FaultMatch; times?: number; probability?: number } = {}) =>
  client.addFault({ fault, ...rest })
const last = async () => (await client.messages()).at(-1)

describe('each kind of fault', () => {
  it('errcode', async () => {
    await add({ kind: 'errcode', errcode: -1, errmsg: 'system busy' })
    expect(await (await raw('x')).json()).toEqual({ errcode: -1, errmsg: 'system busy' })
    expect(await last()).toMatchObject({ delivered: false, fault: 'errcode', answer: { status: 200, errcode: -1 } })
  })

  it('http, with body and headers', async () => {
    await add({ kind: 'http', status: 503, body: 'down', headers: { 'retry-after': '7' } })
    const response = await raw('x')
    expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([503, '7', 'down'])
    expect(await last()).toMatchObject({ delivered: false, answer: { status: 503, errcode: null } })
  })

  it('hang for ever: the message is lost, or delivered all the same', async () => {
    const id = await add({ kind: 'hang' })
    const lost = new AbortController()
    const first = raw('lost', { signal: lost.signal })
    const refused = expect(first).rejects.toThrow('aborted')
    await expect.poll(last).toMatchObject({ delivered: false, answer: { status: 0, errcode: null }, fault: 'hang' })
    lost.abort()
    await refused
    await client.removeFault(id)
    await add({ kind: 'hang', deliver: true })
    const kept = new AbortController()
    const second = expect(raw('kept', { signal: kept.signal })).rejects.toThrow('aborted')
    expect(await client.wait({ contains: 'kept' })).toMatchObject([{ answer: { status: 0 }, fault: 'hang' }])
    kept.abort()
    await second
  })

  it('hang for a while: busy, or as usual where it was delivered', async () => {
    await add({ kind: 'hang', ms: 5 }, { times: 1 })
    expect(await (await raw('x')).json()).toMatchObject({ errcode: -1 })
    await add({ kind: 'hang', ms: 5, deliver: true })
    expect(await (await raw('x')).json()).toMatchObject({ errcode: 0 })
    expect((await client.messages()).map(({ delivered }) => delivered)).toEqual([false, true])
  })

  it('drop: the connection breaks, before or after the message was taken', async () => {
    await add({ kind: 'drop' }, { times: 1 })
    await expect(raw('x')).rejects.toThrow('fetch failed')
    expect(await last()).toMatchObject({ delivered: false, fault: 'drop' })
    await add({ kind: 'drop', deliver: true })
    await expect(raw('x')).rejects.toThrow('fetch failed')
    expect(await last()).toMatchObject({ delivered: true, fault: 'drop', answer: { status: 0 } })
  })

  it('garbage in its three forms', async () => {
    await add({ kind: 'garbage' }, { times: 1 })
    const page = await raw('x')
    expect(page.headers.get('content-type')).toContain('text/html')
    expect(await page.text()).toContain('<html>')
    await add({ kind: 'garbage', form: 'ban-json' }, { times: 1 })
    expect(await (await raw('x')).json()).toEqual({ status: 1111, wait: 5, source: 'x5', punish: 'deny' })
    await add({ kind: 'garbage', form: 'broken-json' })
    await expect((await raw('x')).json()).rejects.toThrow('JSON')
    expect((await client.messages()).every(({ delivered }) => !delivered)).toBe(true)
  })

  it('slow: the message is here before the answer', async () => {
    await add({ kind: 'slow', ms: 600_000 }, { times: 1 })
    const impatient = new AbortController()
    const refused = expect(raw('slow one', { signal: impatient.signal })).rejects.toThrow('aborted')
    await client.wait({ contains: 'slow one' })
    impatient.abort()
    await refused
    await add({ kind: 'slow', ms: 5 })
    expect(await (await raw('x')).json()).toMatchObject({ errcode: 0 })
  })

  it('redirect', async () => {
    await add({ kind: 'redirect', location: 'http://169.254.169.254/' })
    const response = await raw('x', { redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([302, 'http://169.254.169.254/'])
  })

  it('huge, and still JSON', async () => {
    await add({ kind: 'huge', bytes: 300_000 })
    const text = await (await raw('x')).text()
    expect(text.length).toBeGreaterThan(300_000)
    expect(JSON.parse(text).errcode).toBe(0)
  })
})

describe('which calls a fault hits', () => {
  const busy: Fault = { kind: 'errcode', errcode: -1 }
  const isHit = async (content = 'x') => (await (await raw(content)).text()).startsWith('{"errcode":-1')

  it.each([
    [{ provider: 'dingtalk' }, true],
    [{ provider: 'wecom' }, false],
    [{ token: 't1' }, true],
    [{ key: 't1' }, true],
    [{ token: 't2' }, false],
    [{ path: '/robot/' }, true],
    [{ path: 'asyncsend' }, false],
    [{ contentIncludes: 'hello "you"' }, true],
    [{ contentIncludes: 'other' }, false],
    [{ provider: 'dingtalk', token: 't2' }, false],
  ] satisfies [FaultMatch, boolean][])('%o', async (match, hit) => {
    await add(busy, { match })
    expect(await isHit('hello "you"')).toBe(hit)
  })

  it('finds an app by its account, its agent id and in the requests for its token', async () => {
    const token = String((await sandbox.get('/wecom/cgi-bin/gettoken?corpid=c1&corpsecret=s')).access_token)
    const body = { touser: 'u1', agentid: 42, msgtype: 'text', text: { content: 'x' } }
    for (const key of ['42', 'c1', token]) {
      await add(busy, { match: { key }, times: 1 })
      expect(await sandbox.post(`/wecom/cgi-bin/message/send?access_token=${token}`, body)).toMatchObject({
        errcode: -1,
      })
    }
    await add(busy, { match: { key: 'c1', path: 'gettoken' } })
    expect(await sandbox.get('/wecom/cgi-bin/gettoken?corpid=c1&corpsecret=s')).toMatchObject({ errcode: -1 })
    expect(await sandbox.get('/wecom/cgi-bin/gettoken?corpid=c2&corpsecret=s')).toMatchObject({ errcode: 0 })
  })

  it('as often as asked, with the probability asked, until it is removed', async () => {
    await add(busy, { times: 2 })
    expect([await isHit(), await isHit(), await isHit()]).toEqual([true, true, false])
    await add(busy, { probability: 0 })
    expect(await isHit()).toBe(false)
    const id = await add(busy, { probability: 1 })
    expect(await isHit()).toBe(true)
    await client.removeFault(id)
    expect(await isHit()).toBe(false)
    await add(busy)
    await client.clearFaults()
    expect(await isHit()).toBe(false)
  })

  it.each([
    [{ fault: { kind: 'explode' } }],
    [{ fault: { kind: 'http' } }],
    [{ fault: { kind: 'errcode', errcode: '1' } }],
    [{ fault: { kind: 'drop' }, when: 'now' }],
    [{ fault: { kind: 'drop', ms: 5 } }],
    [{ match: { token: 't1' } }],
  ])('refuses the rule %j', async (rule) => {
    expect(await sandbox.post('/sandbox/faults', rule)).toMatchObject({ httpStatus: 400 })
  })

  it('answers 404 when a fault is removed that is not there', async () => {
    await expect(client.removeFault('f0')).rejects.toThrow('HTTP 404')
  })
})
