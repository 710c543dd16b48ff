import { Redis } from 'ioredis'
import { randomUUID } from 'node:crypto'
import { createRateLimiter } from './src/rate-limit/rate-limiter.ts'
const url = 'redis://127.0.0.1:63790'
const r = new Redis(url), admin = new Redis(url)
const usec = async () => Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0)
const calls = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0)
const limiter = () => createRateLimiter({ redis: r, keyPrefix: `{b-${randomUUID()}}`, onSettleError: (e) => { throw e } })
async function measure(name: string, ops: number, work: () => Promise<unknown>) {
  const u = await usec(), c = await calls(), t = performance.now(), cpu = process.cpuUsage()
  await work()
  const ms = performance.now() - t, d = process.cpuUsage(cpu)
  console.log(name.padEnd(58), `${Math.round(ops / ms * 1000)} ops/s`, `redis ${(((await usec()) - u) / ops).toFixed(1)} µs/op`, `node ${((d.user + d.system) / ops).toFixed(1)} µs/op`, `batch ${(ops / ((await calls()) - c)).toFixed(0)}`)
}
const M = 60_000
for (const [configs, concurrency] of [[1, 1], [1, 100], [50, 100], [50, 500], [500, 500]] as const) {
  const l = limiter()
  const limits = Array.from({ length: configs }, (_, i) => ({ configId: `${i}`, count: 1_000_000, windowMs: M, policy: 'DEFER' as const }))
  const total = concurrency === 1 ? 3000 : 30000
  let n = 0
  const lane = async () => { while (n < total) { const i = n++; const limit = limits[i % configs]!; await l.reserve({ member: `0198f0c2-7a4b-7c3d-9e1f-${i}:DINGTALK`, groups: [[limit]] }); const s = await l.start(`0198f0c2-7a4b-7c3d-9e1f-${i}:DINGTALK`, limit); if (!s.go) throw new Error('x') } }
  await measure(`reserve+start, ${configs} configs, ${concurrency} callers`, total * 2, () => Promise.all(Array.from({ length: concurrency }, lane)))
}
// overload: full window with ~1000 buckets, line growing; mixed reserve and settle
{
  const l = limiter()
  const limit = { configId: 'x', count: 1000, windowMs: M, policy: 'DEFER' as const }
  const now = Date.now()
  // spread starts artificially over 1000 buckets by writing the log
  const keys = await (async () => { const s = await l.start('a', limit); if (!s.go) throw 1; return admin.keys('*:x:60000:starts') })()
  const base = keys.at(-1)!.replace(/:starts$/, '')
  const b = Math.floor(now / 60)
  for (let i = 1; i < 990; i++) { await admin.zadd(`${base}:starts`, b - i, `${b - i}`); await admin.hset(`${base}:startCounts`, `${b - i}`, 1) }
  await admin.hset(`${base}:startCounts`, 'total', 1000)
  await measure('reserve into a line, 990 buckets', 2000, () => Promise.all(Array.from({ length: 2000 }, (_, i) => l.reserve({ member: `r${i}`, groups: [[limit]] }))))
  await measure('refused start, 990 buckets', 2000, () => Promise.all(Array.from({ length: 2000 }, (_, i) => l.start(`s${i}`, limit))))
  await measure('single refused start, 990 buckets', 300, async () => { for (let i = 0; i < 300; i++) await l.start(`s${i+5000}`, limit) })
  await measure('mixed settle and reserve, 990 buckets', 2000, async () => { const ps: Promise<unknown>[] = []; for (let i = 0; i < 1000; i++) { l.settle({ go: true, now, limit, bucket: b - 1 - (i % 980), bucketEndsAt: 0 }); ps.push(l.reserve({ member: `t${i}`, groups: [[limit]] })) } await Promise.all(ps) })
}
r.disconnect(); admin.disconnect()
