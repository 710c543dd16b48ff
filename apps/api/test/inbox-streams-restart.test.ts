import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InboxItem } from '@message-center/core/contracts/inbox.ts'
import { type RedisServer, startRedis } from '@message-center/devkit/services/redis.ts'
import { workspaceRoot } from '@message-center/devkit/services/workspace.ts'
import { type ApiCaller, createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { type Balancer, startBalancer } from '@message-center/devkit/testing/balancer.ts'
import { createConfig, createTemplate } from '@message-center/devkit/testing/demo-tenant.ts'
import { EventSource } from '@message-center/devkit/testing/event-stream.ts'
import { type AppProcess, startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const LISTENERS = 200
const USERS = Array.from({ length: LISTENERS }, (_, index) => `u${index}`)

let folder: string
let redis: RedisServer
let system: TestSystem
let balancer: Balancer
/** The API processes that the balancer sends to. */
let running: AppProcess[]
let send: ApiCaller
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'message-center-inbox-'))
  redis = await startRedis({ dir: folder })
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: redis.url, apis: 2 })
  running = [...system.apis]
  balancer = await startBalancer(() => running.map(({ url }) => url))
  send = createApiCaller(balancer.url, system.token())
  await createConfig(system.caller(), 'LOCAL')
  await createTemplate(system.caller(), 'NEWS', 'LOCAL')
})
afterAll(async () => {
  await balancer.stop()
  await system.stop()
  await redis.stop()
  rmSync(folder, { recursive: true, force: true })
})

type FollowInbox = (options: {
  streamUrl: string
  newTicket(): Promise<string>
  lastEventId: string
  onItem(item: InboxItem): void
}) => () => void

/** The code that docs/inbox.md gives to pages, as it stands there. */
async function followInboxOfTheDocs(): Promise<FollowInbox> {
  const [, code = ''] = /```js\n(.*?)```/s.exec(readFileSync(join(workspaceRoot, 'docs/inbox.md'), 'utf8')) ?? []
  Object.assign(globalThis, { EventSource })
  const module = await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`)
  return module.followInbox
}

let messages = 0
/** Sends to 20 users or to everyone; whoever is away meanwhile, until it is accepted. */
async function sendNews(count: number): Promise<void> {
  for (const end = messages + count; messages < end; messages++) {
    const userIds = Array.from({ length: 20 }, (_, index) => USERS[(messages * 7 + index * 11) % LISTENERS])
    const to = messages % 5 === 0 ? { all: true } : { userIds }
    const body = {
      messageId: `news-${messages}`,
      businessType: 'NEWS',
      businessData: { orderNo: 1 },
      attributes: { to },
    }
    await until('the message to be accepted', async () =>
      send('POST', '/api/messages', body).then(
        ({ status }) => status === 202 || status === 200,
        () => false,
      ),
    )
  }
}

async function streamsOf({ url }: AppProcess): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^message_center_inbox_streams (\d+)$/m.exec(text)?.[1] ?? 0)
}
const allListen = () =>
  until('all listeners to be connected', async () => {
    const counts = await Promise.all(running.map(streamsOf))
    return counts.reduce((sum, count) => sum + count, 0) === LISTENERS && counts
  })

/** What each user is to have been told, from the database. */
async function delivered(): Promise<Map<string, string[]>> {
  const [rows] = await system.pool.query<RowDataPacket[]>('SELECT user_id, message_id FROM msg_inbox ORDER BY id')
  return new Map(
    USERS.map((user) => [
      user,
      rows.filter(({ user_id }) => user_id === user || user_id === '*').map(({ message_id }) => message_id),
    ]),
  )
}

test(`${LISTENERS} pages over two API processes: each event once and in order, whichever process, Redis or both are restarted`, async () => {
  const followInbox = await followInboxOfTheDocs()
  const heard = new Map(USERS.map((user) => [user, [] as string[]]))
  const stops = USERS.map((userId) => {
    const ask = createApiCaller(balancer.url, system.token({ roles: ['viewer'] }))
    return followInbox({
      streamUrl: `${balancer.url}/api/inbox/stream`,
      async newTicket() {
        const { status, body } = await ask<{ ticket: string }>('POST', '/api/inbox/ticket', { userId })
        if (status !== 200) throw new Error(`no ticket: ${status}`)
        return body.ticket
      },
      lastEventId: '0',
      onItem: ({ messageId }) => void heard.get(userId)?.push(messageId),
    })
  })
  try {
    const spread = await allListen()
    expect(Math.min(...spread)).toBeGreaterThan(LISTENERS / 4)
    await sendNews(20)

    // A restart as in a roll-out: nobody waits for anybody, and the process ends in good order.
    const [first, second] = running as [AppProcess, AppProcess]
    const sending = sendNews(40)
    running = [second]
    expect(await first.stop()).toEqual({ code: 0, signal: null })
    running = [second, await system.startApi()]
    await sending
    await allListen()

    // Redis dies under open streams, and meanwhile a process with them.
    await redis.stop('SIGKILL')
    await sendNews(10)
    running = running.slice(1)
    await second.stop('SIGKILL')
    await sendNews(10)
    await redis.restart()
    running = [...running, await system.startApi()]
    await sendNews(20)

    await until('everything to be delivered', async () => {
      const [[row]] = await system.pool.query<RowDataPacket[]>(
        'SELECT COUNT(DISTINCT message_id) AS messages FROM msg_inbox',
      )
      return Number(row?.messages) === messages
    })
    await allListen()
    const expected = await delivered()
    await until('the last of them to be heard', () =>
      USERS.every((user) => (heard.get(user)?.length ?? 0) >= (expected.get(user)?.length ?? 0)),
    ).catch(() => undefined)
    expect(heard).toEqual(expected)
  } finally {
    for (const stop of stops) stop()
  }
}, 180_000)
