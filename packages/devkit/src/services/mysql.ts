import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { findMysql, type MysqlBinaries } from './find-server.ts'
import { runGuarded } from './guarded-process.ts'
import { logTail } from './log-tail.ts'
import { type PrivateServer, startPrivateServer } from './private-server.ts'
import { mysqlAnswers } from './probe.ts'
import { unconfinedCopy } from './unconfined-copy.ts'
import { dataDir } from './workspace.ts'

export type MysqlServer = PrivateServer

export interface MysqlOptions {
  dir: string
  port?: number
  /** Further options of the server: `--require-secure-transport=ON` … */
  serverOptions?: string[]
}

const USER = 'message_center'
const DATABASE = 'message_center'

/**
 * Starts a private MySQL or MariaDB on 127.0.0.1 that keeps its data in `dir`, made on first use. Durable
 * (`innodb_flush_log_at_trx_commit=1`), with a user of its own that may do everything. The URL names the database
 * `message_center`, which the migration creates.
 * @throws Error when the machine has none, or with the end of its log when it does not come up
 */
export async function startMysql({ dir, port, serverOptions = [] }: MysqlOptions): Promise<MysqlServer> {
  const found = await findMysql()
  if (found === undefined) throw new Error('no mysqld or mariadbd on this machine')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const binaries = { ...found, server: unconfinedCopy(found.server, join(dataDir, 'bin')) }
  // One folder per product: neither can open the other's data.
  const dataFolder = join(dir, `${binaries.product.toLowerCase()}-data`)
  if (!existsSync(dataFolder)) await initialise(binaries, dataFolder, join(dir, 'init.log'), found.server)
  const password = ownPassword(join(dir, 'password'))
  const initFile = join(dir, 'init.sql')
  writeFileSync(initFile, userStatements(binaries, password), { mode: 0o600 })
  const definition = {
    name: binaries.product,
    log: join(dir, 'mysqld.log'),
    ownerFile: join(dir, 'owner.json'),
    command: binaries.server,
    args: (listenOn: number) => [
      ...commonArguments(binaries, dataFolder, found.server),
      ...serverArguments(listenOn, initFile),
      ...serverOptions,
    ],
    url: (listenOn: number) => `mysql://${USER}:${password}@127.0.0.1:${listenOn}/${DATABASE}`,
    answers: mysqlAnswers,
    readyTimeoutMs: 120_000,
  }
  return await startPrivateServer(definition, port)
}

/** Makes a fresh data folder; a half-made one never gets the final name. */
async function initialise(binaries: MysqlBinaries, dataFolder: string, log: string, original: string): Promise<void> {
  const draft = `${dataFolder}.new`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { mode: 0o700 })
  const common = commonArguments(binaries, draft, original)
  // --force: also where the machine cannot look up its own name.
  const installerArguments = ['--force', '--skip-test-db', `--auth-root-socket-user=${userInfo().username}`]
  const order = binaries.installer
    ? { command: binaries.installer, args: [...common, ...installerArguments] }
    : { command: binaries.server, args: [...common, '--initialize-insecure'] }
  const { code, signal } = await runGuarded({ name: 'MySQL initialisation', log, ...order })
  if (code !== 0) {
    throw new Error(`MySQL's data folder could not be made (${signal ?? code}); the end of ${log}:\n${logTail(log)}`)
  }
  renameSync(draft, dataFolder)
}

function commonArguments({ product, server }: MysqlBinaries, dataFolder: string, original: string): string[] {
  const temporaryFolder = join(dirname(dataFolder), 'tmp')
  mkdirSync(temporaryFolder, { recursive: true, mode: 0o700 })
  return [
    // First, as the server demands: nothing of the system's own configuration.
    '--no-defaults',
    `--datadir=${dataFolder}`,
    // A server that starts clears the temporary tables of its folder: in a shared one also those that another server is using.
    `--tmpdir=${temporaryFolder}`,
    // The server refuses to run as root unless it is told so.
    `--user=${userInfo().username}`,
    // A copy does not find its messages and plugins beside itself.
    ...(server === original ? [] : [`--basedir=${dirname(dirname(original))}`]),
    // Debian's MySQL is built with a folder here that only the system's own server can read.
    ...(product === 'MySQL' ? ['--secure-file-priv=NULL'] : []),
  ]
}

function serverArguments(port: number, initFile: string): string[] {
  return [
    ...[`--port=${port}`, '--bind-address=127.0.0.1', '--skip-name-resolve', '--loose-mysqlx=OFF'],
    // Relative to the data folder: the path of a Unix socket may not be longer than about 100 bytes.
    ...['--socket=mysqld.sock', '--pid-file=mysqld.pid', `--init-file=${initFile}`],
    ...['--character-set-server=utf8mb4', '--max-connections=300', '--skip-log-bin'],
    ...['--innodb-flush-log-at-trx-commit=1', '--innodb-buffer-pool-size=256M'],
  ]
}

function ownPassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString('hex'), { mode: 0o600 })
  return readFileSync(file, 'utf8')
}

/** Run by the server at each start, so they must be repeatable. One statement a line, as the init file demands. */
function userStatements({ product }: MysqlBinaries, password: string): string {
  const statements = [
    `CREATE USER IF NOT EXISTS '${USER}'@'%' IDENTIFIED BY '${password}'`,
    `ALTER USER '${USER}'@'%' IDENTIFIED BY '${password}'`,
    `GRANT ALL PRIVILEGES ON *.* TO '${USER}'@'%' WITH GRANT OPTION`,
  ]
  // MariaDB's root is whoever owns the process, over its socket; MySQL's has no password yet.
  if (product === 'MySQL') statements.push(`ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}'`)
  return statements.map((statement) => `${statement};\n`).join('')
}
