import type { RowDataPacket } from 'mysql2/promise'
import { createApiCaller } from '../testing/api-caller.ts'
import { allFinal, received } from '../testing/deliveries.ts'
import { createConfig, createTemplate } from '../testing/demo-tenant.ts'
import type { AppProcess, TestSystem } from '../testing/test-system.ts'
import { until } from '../testing/until.ts'
import { LOOPBACK_NAME, startJava } from './java.ts'

const TENANT = '7'
const ROBOT = 'interop-robot'

/** What the Java client prints at its end. */
interface Told {
  taken: number
  failed: number
  repeated: number
}

/**
 * A Java client with two providers sends while one of them is killed and started again. What it was told is taken must be
 * stored once and delivered once; its retries hide the kill.
 * @param startApi starts an API with this RPC port
 * @throws Error where a message is missing, or came twice
 */
export async function killUnderLoad(
  system: TestSystem,
  folder: string,
  ports: readonly [number, number],
  startApi: (rpcPort: number) => Promise<AppProcess>,
): Promise<string> {
  const apis = await Promise.all(ports.map(startApi))
  const token = system.token({ tenantId: TENANT })
  const call = createApiCaller(apis[1]?.url ?? '', token)
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: ROBOT } })
  await createTemplate(call, 'ORDER_CREATED', 'WECHAT_WORK')
  const addresses = ports.map((port) => `${LOOPBACK_NAME}:${port}`).join(',')
  const load = startJava(folder, 'Load', [addresses, token, '16', '9', 'kill'])
  await until('the load to run', () => load.output().includes('measuring'))
  const before = await storedCount(system)
  await until('some messages', async () => (await storedCount(system)) > before + 200)
  await apis[0]?.stop('SIGKILL')
  const restarted = await startApi(ports[0])
  if ((await load.exited) !== 0) throw new Error(`the Java client failed:\n${load.output()}`)
  const told = JSON.parse(load.output().trimEnd().split('\n').at(-1) ?? '{}') as Told
  await restarted.stop()
  await apis[1]?.stop()
  await allFinal(system.pool, TENANT, 120_000)
  const stored = await storedCount(system)
  const [rows] = await system.pool.query<RowDataPacket[]>(
    "SELECT COUNT(*) AS n FROM msg_message WHERE tenant_id = ? AND message_id LIKE 'kill-%' AND message_id NOT LIKE 'kill-warm%'",
    [TENANT],
  )
  const measured = Number(rows[0]?.n)
  const delivered = (await received(system.sandbox, ROBOT)).length
  if (told.failed > 0)
    throw new Error(`${told.failed} calls failed:
${load.output()}`)
  if (told.repeated === 0) throw new Error('the kill broke no call: it came at the wrong time')
  if (measured !== told.taken) throw new Error(`${told.taken} were told as taken, ${measured} are stored`)
  if (delivered !== stored) throw new Error(`${stored} messages are stored, ${delivered} were delivered`)
  return `${told.taken} taken, ${told.repeated} calls repeated; ${stored} stored once and delivered once`
}

async function storedCount(system: TestSystem): Promise<number> {
  const [rows] = await system.pool.query<RowDataPacket[]>(
    'SELECT COUNT(*) AS n FROM msg_message_key WHERE tenant_id = ?',
    [TENANT],
  )
  return Number(rows[0]?.n)
}
