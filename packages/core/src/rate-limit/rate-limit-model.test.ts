import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, expect, it } from 'vitest'
import { encodeBatch, type Operation, type RateLimit } from './operations.ts'
import { createRateLimitModel, type ModelAnswer } from './rate-limit-model.ts'
import { type Row, runScript } from './script.ts'

const redis = new Redis(process.env.REDIS_URL ?? '')
afterAll(() => redis.quit())

/** An operation as generated: which config and member it means is settled when the configs are known. */
interface Step {
  name: Operation['name']
  member: string
  configs: number[]
  cut: number
  defer: boolean[]
}

const step: fc.Arbitrary<Step> = fc.record({
  name: fc.constantFrom(
    'reserve',
    'reserve',
    'reserve',
    'start',
    'start',
    'start',
    'settle',
    'giveBack',
    'release',
    'peek',
    'advance',
    'snapshot',
  ),
  member: fc.integer({ min: 0, max: 25 }).map((number) => `member-${number}`),
  configs: fc.shuffledSubarray([0, 1, 2], { minLength: 1 }),
  cut: fc.integer({ min: 1, max: 3 }),
  defer: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
})
const limits = fc.array(
  fc.record({ count: fc.integer({ min: 1, max: 6 }), windowMs: fc.integer({ min: 5, max: 80 }) }),
  {
    minLength: 3,
    maxLength: 3,
  },
)
const batches = fc.array(
  fc.record({ steps: fc.array(step, { minLength: 1, maxLength: 12 }), pauseMs: fc.nat({ max: 25 }) }),
  {
    minLength: 5,
    maxLength: 20,
  },
)

/** A row of the script in the model's words. */
function decode(operation: Operation, row: Row, configIds: string[]): ModelAnswer {
  const [first = -1, second = -1, third = -1, fourth = -1] = row.map(Number)
  switch (operation.name) {
    case 'reserve': {
      const configId = configIds[first - 1]
      return configId ? { reserved: true, configId, slotAt: second } : { reserved: false, freeAt: second }
    }
    case 'start':
      return first === 1 ? { go: true, bucket: second, ahead: fourth } : { go: false, slotAt: second }
    case 'peek':
    case 'advance':
      return { waiting: row.join(' ') }
    case 'snapshot':
      return { used: first, reserved: second, room: third, nextFreeAt: fourth }
    case 'release':
      return { released: first === 1 }
    case 'settle':
    case 'seed':
    case 'giveBack':
      return { settled: first === 1 }
  }
}

function askModel(model: ReturnType<typeof createRateLimitModel>, now: number, operation: Operation): ModelAnswer {
  switch (operation.name) {
    case 'reserve':
      return model.reserve(now, operation)
    case 'start':
      return model.start(now, operation.member, operation.limit)
    case 'settle':
      model.settle(now, operation.limit, operation.bucket)
      return { settled: true }
    case 'giveBack':
      model.giveBack(now, operation.limit, operation.bucket)
      return { settled: true }
    case 'seed':
      throw new Error('the model has seen everything')
    case 'release':
      return { released: model.release(now, operation.member, operation.limit) }
    case 'peek':
      return { waiting: model.line(now, operation.limit).slice(0, operation.most).join(' ') }
    case 'advance':
      return { waiting: model.advance(now, operation.limit, operation.withinMs).flat().join(' ') }
    case 'snapshot':
      return model.snapshot(now, operation.limit)
  }
}

function operationOf(
  { name, member, configs, cut, defer }: Step,
  all: RateLimit[],
  flying: Flying[],
): Operation | undefined {
  const chosen = configs.flatMap((index) => all[index] ?? [])
  const [limit] = chosen
  if (!limit) return undefined
  if (name === 'reserve') {
    const candidates = chosen.map((each, index) => ({
      ...each,
      policy: defer[index] ? ('DEFER' as const) : ('REJECT' as const),
    }))
    return { name, member, groups: [candidates.slice(0, cut), candidates.slice(cut)] }
  }
  if (name === 'settle' || name === 'giveBack') {
    const flight = flying.shift()
    return flight && { name, ...flight }
  }
  if (name === 'seed') return undefined
  if (name === 'peek') return { name, limit, most: 7 }
  if (name === 'advance') return { name, limit, withinMs: 100, most: 1000 }
  return name === 'snapshot' ? { name, limit } : { name, member, limit }
}

interface Flying {
  limit: RateLimit
  bucket: number
}

/** Script and model side by side: each batch goes to both. */
function sideBySide(maxCallMs: number) {
  const prefix = `{model-${randomUUID()}}`
  const model = createRateLimitModel(maxCallMs)
  const flying: Flying[] = []
  const counting = redis.set(`${prefix}:since`, 0)
  async function ask(operations: Operation[]): Promise<void> {
    await counting
    const { keys, request, configIds } = encodeBatch(operations, prefix, maxCallMs)
    const { now, answers } = await runScript(redis, keys, request)
    operations.forEach((operation, index) => {
      const answer = decode(operation, answers[index] ?? [], configIds)
      expect(answer, JSON.stringify(operation)).toEqual(askModel(model, now, operation))
      if (operation.name === 'start' && typeof answer.bucket === 'number') {
        flying.push({ limit: operation.limit, bucket: answer.bucket })
      }
    })
  }
  return { ask, flying }
}

it('answers as the plain model does, whatever is asked and whenever', async () => {
  await fc.assert(
    fc.asyncProperty(limits, batches, fc.constantFrom(10, 40), async (sizes, plan, maxCallMs) => {
      const all = sizes.map((size, index) => ({ ...size, configId: `${index}` }))
      const { ask, flying } = sideBySide(maxCallMs)
      for (const { steps, pauseMs } of plan) {
        await ask(steps.flatMap((each) => operationOf(each, all, flying) ?? []))
        await sleep(pauseMs)
      }
    }),
    { numRuns: 25 },
  )
})

it('answers as the plain model does with hundreds of buckets, also when settling changes them within a call', async () => {
  const { ask, flying } = sideBySide(10)
  const limit = { configId: '7', count: 250, windowMs: 900, policy: 'DEFER' as const }
  const reserve = (member: string): Operation => ({ name: 'reserve', member, groups: [[limit]] })
  for (let index = 0; index < 250; index += 1) {
    await ask([{ name: 'start', member: `start-${index}`, limit }])
    await sleep(1)
  }
  expect(new Set(flying.map(({ bucket }) => bucket)).size).toBeGreaterThan(200)
  for (let round = 0; round < 20; round += 1) {
    const settled = [3, 240 - round, 120, 60].flatMap((index) => flying.splice(index, 1))
    const operations = settled.flatMap((flight, index): Operation[] => [
      ...Array.from({ length: 10 }, (_, number) => reserve(`wait-${round}-${index}-${number}`)),
      { name: 'settle', ...flight },
      { name: 'snapshot', limit },
    ])
    await ask([...operations, { name: 'start', member: `wait-${round}-0-0`, limit }])
  }
})
