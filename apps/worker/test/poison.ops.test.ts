import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { allFinal } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { type AppProcess, startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { callsIn, writePoisonModules } from './poison-modules.ts'

/*
 * Workers really die, and are started again by a supervisor: it takes as long as locks and leases last. The short form is
 * poison.test.ts.
 */

const MESSAGES = 200
const GUILTY = 77

const folder = mkdtempSync(join(tmpdir(), 'poison-ops-'))
let system: TestSystem
let stopping = false
const deaths: string[] = []
const supervised: Promise<void>[] = []

/** As an orchestrator does: a worker that has died is started again. */
async function supervise(first: AppProcess): Promise<void> {
  for (let worker = first; !stopping; worker = await system.startWorker()) {
    const { code, signal } = await worker.exited
    if (stopping) return
    deaths.push(String(signal ?? code))
  }
}

beforeAll(async () => {
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    workers: 2,
    variables: {
      ...writePoisonModules(folder),
      // What eats up the memory is to eat up a little.
      NODE_OPTIONS: '--max-old-space-size=384',
    },
  })
  supervised.push(...system.workers.map(supervise))
  await createTenant('1')
})
afterAll(async () => {
  stopping = true
  await system.stop()
  await Promise.all(supervised)
  rmSync(folder, { recursive: true })
})

async function createTenant(tenantId: string) {
  const call = system.caller({ tenantId })
  await createConfig(call, 'LOCAL')
  await createTemplate(call, 'PLAIN', 'LOCAL')
  await createConfig(call, 'FRAGILE', { configJson: {} })
  await createTemplate(call, 'KIND', 'FRAGILE', { templateContent: '${kind} ${orderNo}' })
  return call
}

/** Sends one message after another until stopped; how long each took to its final status, in milliseconds. */
async function bystander(isOver: () => boolean): Promise<number[]> {
  const call = system.caller({ tenantId: '1' })
  const took: number[] = []
  for (let index = 0; !isOver(); index++) {
    const id = `bystander-${deaths.length}-${Date.now()}`
    const startedAt = performance.now()
    await call('POST', '/api/messages', {
      messageId: id,
      businessType: 'PLAIN',
      targetChannels: ['LOCAL'],
      businessData: { orderNo: index, userId: 'u' },
    })
    expect((await finalMessage(call, id)).status).toBe('SUCCESS')
    took.push(performance.now() - startedAt)
    await delay(100)
  }
  return took.sort((a, b) => a - b)
}

/** How often each message was in hand. */
function deliveries(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { stage, messageId } of callsIn(folder)) {
    counts.set(`${stage} ${messageId}`, (counts.get(`${stage} ${messageId}`) ?? 0) + 1)
  }
  return counts
}

const HARMS = ['exit', 'loop', 'memory', 'uncaught', 'native']
test.each([...HARMS.map((harm) => ['pipeline', harm]), ...HARMS.map((harm) => ['channel', harm])])(
  `one of ${MESSAGES} messages ends its process in the %s by %s: it alone fails, and others are not held up`,
  async (stage, harm) => {
    const tenantId = String(2_000 + HARMS.indexOf(harm ?? '') + (stage === 'channel' ? 100 : 0))
    const call = await createTenant(tenantId)
    const before = deaths.length
    let over = false
    const others = bystander(() => over)
    const id = (index: number) => `${stage}-${harm}-${index}`
    const bodies = Array.from({ length: MESSAGES }, (_, index) => {
      const kind = index === GUILTY ? harm : 'fine'
      const data = { orderNo: index, userId: 'u' }
      return stage === 'pipeline'
        ? {
            messageId: id(index),
            businessType: 'PLAIN',
            targetChannels: ['LOCAL'],
            businessData: { ...data, harm: kind },
          }
        : { messageId: id(index), businessType: 'KIND', targetChannels: ['FRAGILE'], businessData: { ...data, kind } }
    })
    expect((await call('POST', '/api/messages/batch', bodies)).status).toBe(202)
    const startedAt = performance.now()
    const counts = await allFinal(system.pool, tenantId, 280_000)
    const tookMs = performance.now() - startedAt
    over = true
    const took = await others
    expect(counts).toEqual({ SUCCESS: MESSAGES - 1, FAILED: 1 })
    expect(await finalMessage(call, id(GUILTY))).toMatchObject({ errorCode: 'POISONED' })
    const times = deliveries()
    const inHand = (index: number) => times.get(`${stage} ${id(index)}`) ?? 0
    const ofOthers = bodies.map((_, index) => (index === GUILTY ? 0 : inHand(index)))
    console.log(
      `${stage} ${harm}: all final after ${(tookMs / 1000).toFixed(1)} s; workers that died: ${deaths.slice(before).join(', ')}; ` +
        `the guilty one was in hand ${inHand(GUILTY)} times, the others ${Math.max(...ofOthers)} at most, ${ofOthers.filter((n) => n > 1).length} more than once; ` +
        `bystanders: ${took.length}, median ${took[took.length >> 1]?.toFixed(0)} ms, longest ${took.at(-1)?.toFixed(0)} ms`,
    )
    // A worker that dies of it once; a process of its own dies three times more.
    expect(deaths.slice(before)).toHaveLength(1)
    expect(inHand(GUILTY)).toBe(4)
  },
)
