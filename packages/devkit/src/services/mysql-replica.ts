import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import { type MysqlServer, startMysql } from './mysql.ts'

/** A primary and a server that follows it. */
export interface ReplicatedMysql {
  primary: MysqlServer
  replica: MysqlServer
  /** Lets the replica hear of changes, or not. */
  follow(on: boolean): Promise<void>
  stop(): Promise<void>
}

/** MariaDB has GTIDs always; it passes over options that only MySQL knows. */
const options = (id: number) => [
  ...['--log-bin=binlog', '--binlog-format=ROW', `--server-id=${id}`, '--log-slave-updates=ON'],
  ...['--loose-gtid-mode=ON', '--loose-enforce-gtid-consistency=ON'],
]

/** Starts two private servers, the second of which takes over whatever the first commits from now on. */
export async function startReplicatedMysql(dir: string): Promise<ReplicatedMysql> {
  const primary = await startMysql({ dir: join(dir, 'primary'), serverOptions: options(1) })
  const replica = await startMysql({ dir: join(dir, 'replica'), serverOptions: options(2) })
  const isMariaDb = primary.name === 'MariaDB'
  // MySQL takes no more than 32 characters here.
  const login = ['replication', randomBytes(12).toString('hex')]
  const position = await withServer(primary, async (connection) => {
    await connection.query("CREATE USER ?@'%' IDENTIFIED BY ?", login)
    await connection.query("GRANT REPLICATION SLAVE ON *.* TO ?@'%'", login)
    const variable = isMariaDb ? 'gtid_current_pos' : 'gtid_executed'
    const [[row]] = await connection.query<RowDataPacket[]>(`SELECT @@GLOBAL.${variable} AS gtids`)
    return String(row?.gtids)
  })
  const { port } = primary
  await withServer(replica, async (connection) => {
    // From here on: each server has made its own user with its own password before.
    if (isMariaDb) {
      await connection.query('SET GLOBAL gtid_slave_pos = ?', [position])
      await connection.query(
        `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${port}, MASTER_USER = ?, MASTER_PASSWORD = ?, MASTER_USE_GTID = slave_pos`,
        login,
      )
    } else {
      await connection.query('RESET BINARY LOGS AND GTIDS')
      await connection.query('SET GLOBAL gtid_purged = ?', [position])
      await connection.query(
        `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = ${port}, SOURCE_USER = ?, SOURCE_PASSWORD = ?,
           SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1`,
        login,
      )
    }
  })
  const follow = (on: boolean) =>
    withServer(replica, async (connection) => {
      await connection.query(`${on ? 'START' : 'STOP'} ${isMariaDb ? 'SLAVE' : 'REPLICA'}`)
    })
  await follow(true)
  return {
    primary,
    replica,
    follow,
    async stop() {
      await Promise.all([primary.stop('SIGKILL'), replica.stop('SIGKILL')])
    },
  }
}

async function withServer<T>({ url }: MysqlServer, work: (connection: Connection) => Promise<T>): Promise<T> {
  const env = { databaseUrl: url, databaseSsl: 'off' as const, databaseSslCa: undefined }
  const connection = await connectDatabase(env, { database: false })
  try {
    return await work(connection)
  } finally {
    await connection.end()
  }
}
