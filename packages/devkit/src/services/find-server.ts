import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where servers lie that an ordinary user's PATH does not name: Debian, RHEL, Homebrew on both kinds of Mac, MySQL's own package. */
const OTHER_FOLDERS = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/bin',
  '/usr/libexec',
  ...['/opt/homebrew', '/usr/local'].flatMap((brew) => [
    `${brew}/bin`,
    ...['mysql', 'mysql@8.4', 'mysql@8.0', 'mariadb', 'redis', 'valkey'].map((formula) => `${brew}/opt/${formula}/bin`),
  ]),
  '/usr/local/mysql/bin',
]

export interface ServerBinaries {
  server: string
  product: 'MySQL' | 'MariaDB' | 'Redis' | 'Valkey'
  /** `10.11.19` */
  version: string
}

export interface MysqlBinaries extends ServerBinaries {
  product: 'MySQL' | 'MariaDB'
  /** `mariadb-install-db`; MySQL's server initialises by itself. */
  installer?: string
}

/** The first of `names` in the folders of PATH and the usual ones besides. */
export function findExecutable(names: string[], path = process.env.PATH ?? ''): string | undefined {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ''), ...OTHER_FOLDERS]
  const candidates = folders.flatMap((folder) => names.map((name) => join(folder, name)))
  return candidates.find(isExecutable)
}

/** MySQL or MariaDB on this machine; undefined when there is none that can be used. */
export async function findMysql(): Promise<MysqlBinaries | undefined> {
  const server = findExecutable(['mysqld', 'mariadbd'])
  if (server === undefined) return undefined
  const { text, version } = await askVersion(server, ['--no-defaults', '--version'])
  if (!/mariadb/i.test(text)) return { server, product: 'MySQL', version }
  const prefix = dirname(dirname(server))
  const installerPath = [process.env.PATH, join(prefix, 'bin'), join(prefix, 'scripts')].join(delimiter)
  const installer = findExecutable(['mariadb-install-db', 'mysql_install_db'], installerPath)
  return installer === undefined ? undefined : { server, product: 'MariaDB', version, installer }
}

/** Redis or Valkey on this machine. */
export async function findRedis(): Promise<ServerBinaries | undefined> {
  const server = findExecutable(['redis-server', 'valkey-server'])
  if (server === undefined) return undefined
  const { text, version } = await askVersion(server, ['--version'])
  return { server, product: /valkey/i.test(text) ? 'Valkey' : 'Redis', version }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    // Absent or not ours to run: the same for the search.
    return false
  }
}

async function askVersion(server: string, args: string[]): Promise<{ text: string; version: string }> {
  const { stdout: text } = await run(server, args)
  return { text, version: /(?:Ver |v=)(\d+(?:\.\d+)*)/.exec(text)?.[1] ?? '(unknown version)' }
}
