import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FAULT_KINDS } from '../chaos/faults/index.ts'
import { report } from '../chaos/report.ts'
import { removeFolder } from '../chaos/rig.ts'
import { runChaos } from '../chaos/run-chaos.ts'
import { say } from '../services/progress.ts'
import { provideServers } from '../services/services.ts'
import { stopOnRequest } from '../services/stop-on-request.ts'

const USAGE = `npm run chaos -- [--minutes N] [--seed S] [--faults a,b] [--times N] [--rate N] [--apis N] [--workers N] [--keep-logs]
faults: ${FAULT_KINDS.map(({ name }) => name).join(', ')}`

/** `npm run chaos`: breaks a whole system of its own at random moments and tells what was lost or sent twice. */
async function main(): Promise<number> {
  const options = readOptions()
  // Its servers are broken on purpose: never those that somebody else uses.
  delete process.env.DATABASE_URL
  delete process.env.REDIS_URL
  await provideServers(say)
  // Not below .data: what is mounted there, should this process be killed with all its guards, could not be removed.
  const folder = mkdtempSync(join(tmpdir(), 'message-center-chaos-'))
  try {
    say(
      `seed ${options.seed}, ${options.minutes} minutes, ${options.apis} APIs, ${options.workers} workers, about ${options.rate} messages/s`,
    )
    const result = await runChaos({ ...options, folder, say })
    for (const line of ['', ...report(result)]) say(line)
    if (options.keepLogs) say(`the processes' logs: ${result.logFolder}`)
    say(
      result.ok
        ? `seed ${options.seed}: nothing lost, nothing sent twice without need`
        : `seed ${options.seed}: FAILED`,
    )
    return result.ok ? 0 : 1
  } finally {
    removeFolder(folder)
  }
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '3' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      faults: { type: 'string' },
      times: { type: 'string' },
      rate: { type: 'string', default: '25' },
      apis: { type: 'string', default: '2' },
      workers: { type: 'string', default: '3' },
      'keep-logs': { type: 'boolean', default: false },
    },
  })
  const number = (name: 'minutes' | 'seed' | 'times' | 'rate' | 'apis' | 'workers') => {
    const value = Number(values[name])
    if (!Number.isFinite(value) || value < 0)
      throw new Error(`--${name} must be a number, not '${values[name]}'\n${USAGE}`)
    return value
  }
  const names = values.faults?.split(',') ?? FAULT_KINDS.map(({ name }) => name)
  const kinds = names.map((name) => {
    const kind = FAULT_KINDS.find((one) => one.name === name)
    if (!kind) throw new Error(`there is no fault '${name}'\n${USAGE}`)
    return kind
  })
  return {
    kinds,
    keepLogs: values['keep-logs'],
    minutes: number('minutes'),
    seed: number('seed'),
    rate: number('rate'),
    apis: number('apis'),
    workers: number('workers'),
    ...(values.times === undefined ? {} : { times: number('times') }),
  }
}

stopOnRequest()
try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`)
  process.exitCode = 1
}
