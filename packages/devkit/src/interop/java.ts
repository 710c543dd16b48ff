import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { workspaceRoot } from '../services/workspace.ts'

const PROJECT = join(workspaceRoot, 'examples/dubbo-consumer-java')
/** Dubbo replaces 127.0.0.1 by the machine's own address, where no test server listens: a name is left as it is. */
export const LOOPBACK_NAME = 'message-center.test'
const OLDEST_JAVA = 17

/** @returns what is missing, for people; undefined where the Java checks can run */
export function missingForJava(): string | undefined {
  const java = versionOf('java', ['-version'])
  const major = Number(/version "(\d+)/.exec(java ?? '')?.[1] ?? 0)
  if (major < OLDEST_JAVA) return `Java ${OLDEST_JAVA} or later (JDK)`
  return versionOf('mvn', ['-version']) === undefined ? 'Maven' : undefined
}

/** Builds the example with everything that it needs, from Maven Central. */
export function buildJava(): void {
  execFileSync('mvn', ['-q', '-B', 'package'], { cwd: PROJECT, stdio: 'inherit' })
}

/** A Java program under way. */
export interface JavaProgram {
  /** What it has printed so far. */
  output(): string
  /** Resolves with the exit code. */
  exited: Promise<number | null>
  stop(): void
}

/**
 * Starts a main class of the example's `interop` module.
 * @param folder for the file that tells Java the loopback name
 * @param variables of its environment, besides ours
 */
export function startJava(
  folder: string,
  mainClass: string,
  args: string[],
  variables: Record<string, string> = {},
): JavaProgram {
  const hosts = join(folder, 'hosts')
  writeFileSync(hosts, `127.0.0.1 ${LOOPBACK_NAME} ${hostname()} localhost\n`)
  const classPath = ['interop/target/interop-0.1.0.jar', 'interop/target/lib/*'].join(':')
  const options = [`-Djdk.net.hosts.file=${hosts}`, '-Dorg.slf4j.simpleLogger.defaultLogLevel=off', '-cp', classPath]
  const child = spawn('java', [...options, `com.messagecenter.interop.${mainClass}`, ...args], {
    cwd: PROJECT,
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { ...outputOf(child), stop: () => void child.kill('SIGKILL') }
}

function outputOf(child: ChildProcess) {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  const exited = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null))
    child.once('close', resolve)
  })
  return { output: () => text, exited }
}

function versionOf(command: string, args: string[]): string | undefined {
  try {
    // java prints its version to stderr.
    return execFileSync('sh', ['-c', `"$0" "$@" 2>&1`, command, ...args], { encoding: 'utf8' })
  } catch {
    // Not installed.
    return undefined
  }
}
