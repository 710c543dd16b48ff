import { expect, it } from 'vitest'
import { startTestSandbox } from './sandbox-testing.ts'

const sandbox = await startTestSandbox()
const { client, url } = sandbox.running
const HOSTILE = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`

const rows = async (version = '') => fetch(`${url}/sandbox/rows?version=${version}`)

it('shows every part of a message and escapes it', async () => {
  const actionCard = {
    title: HOSTILE,
    text: `body ${HOSTILE}`,
    btns: [
      { title: HOSTILE, actionURL: `https://a.cn/${encodeURIComponent(HOSTILE)}` },
      { title: 'app', actionURL: 'dingtalk://open' },
    ],
  }
  const path = `/dingtalk/robot/send?access_token=${encodeURIComponent(HOSTILE)}`
  const at = { atUserIds: [HOSTILE] }
  expect(await sandbox.post(path, { msgtype: 'actionCard', actionCard, at })).toMatchObject({ errcode: 0 })
  await sandbox.post(path, { msgtype: HOSTILE })
  await sandbox.post(path, HOSTILE)
  const page = await (await fetch(url)).text()
  expect(page).not.toContain('<script>alert')
  expect(page).not.toContain('<img')
  expect(page.match(/<script>/g)).toHaveLength(1)
  expect(page).toContain('body &quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;')
  expect(page).toContain('<a href="https://a.cn/')
  expect(page).not.toContain('href="dingtalk:')
  expect(page).toContain('refused: 40035')
})

it('makes no link of a script url that was refused but is shown', async () => {
  const link = { title: 'T', text: 'B', messageUrl: 'javascript:alert(1)' }
  await sandbox.post('/dingtalk/robot/send?access_token=t', { msgtype: 'link', link })
  expect(await (await rows()).text()).not.toContain('href="javascript:')
})

it('forbids all scripts but its own', async () => {
  const policy = (await fetch(url)).headers.get('content-security-policy')
  expect(policy).toMatch(/default-src 'none'; script-src 'sha256-[A-Za-z0-9+/=]+';/)
  expect(policy).not.toContain('unsafe')
})

it('gives new rows only when something has changed, newest first', async () => {
  const empty = await rows()
  expect(await empty.text()).toContain('No messages yet')
  const version = empty.headers.get('x-version') ?? ''
  expect((await rows(version)).status).toBe(204)
  for (const content of ['first', 'second']) {
    await sandbox.post('/wecom/cgi-bin/webhook/send?key=k', { msgtype: 'text', text: { content } })
  }
  const changed = await rows(version)
  expect(changed.status).toBe(200)
  const html = await changed.text()
  expect(html.indexOf('second')).toBeLessThan(html.indexOf('first'))
  expect(html).toContain('WeCom')
  expect(html).toContain('delivered')
})

it('tells duplicates, drops, recalls and faults apart', async () => {
  const send = (content: string, msgUuid?: string) =>
    sandbox.post('/dingtalk/robot/send?access_token=t', { msgtype: 'text', text: { content }, msgUuid })
  await send('a', 'u')
  await send('a', 'u')
  await client.addFault({ fault: { kind: 'drop' } })
  await expect(send('b')).rejects.toThrow('fetch failed')
  const html = await (await rows()).text()
  expect(html).toContain('duplicate, not shown again')
  expect(html).toContain('no answer (fault: drop)')
})

it('shows the articles and cards of WeCom', async () => {
  const articles = [{ title: 'Headline', description: 'More', url: 'https://a.cn/1' }]
  await sandbox.post('/wecom/cgi-bin/webhook/send?key=k', { msgtype: 'news', news: { articles } })
  const template_card = {
    card_type: 'text_notice',
    main_title: { title: 'Card title' },
    sub_title_text: 'Card text',
    jump_list: [{ type: 1, title: 'Jump', url: 'https://a.cn/2' }],
    card_action: { type: 1, url: 'https://a.cn/3' },
  }
  await sandbox.post('/wecom/cgi-bin/webhook/send?key=k', { msgtype: 'template_card', template_card })
  const html = await (await rows()).text()
  for (const part of ['Headline · More', '<h2>Card title</h2>', 'Card text', '>Jump</a>', 'href="https://a.cn/3"']) {
    expect(html).toContain(part)
  }
})
