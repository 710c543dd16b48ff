#!/usr/bin/env node
// What `npm start`, `npm test` … call: makes sure that the npm packages are installed, then hands over to
// src/cli/<command>.ts on the pinned Node.js. Plain JavaScript without dependencies: runs on the machine's own Node.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { tryLock } from './lock-file.mjs'

const OLDEST_NODE = 20
const root = fileURLToPath(new URL('../../../', import.meta.url))
const pinnedNode = join(root, 'node_modules/.bin/node')
const stampFile = join(root, 'node_modules/.message-center-install')
const cliFolder = join(root, 'packages/devkit/src/cli')

async function main([command = '', ...args]) {
  const cli = join(cliFolder, `${command}.ts`)
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    return fail(`Node.js ${OLDEST_NODE} or later is needed, this is ${process.versions.node}: https://nodejs.org`)
  }
  if (process.platform === 'win32')
    return fail('On Windows, run this inside WSL 2: https://learn.microsoft.com/windows/wsl')
  if (!/^[a-z][a-z-]*$/.test(command) || !existsSync(cli))
    return fail(`there is no command '${command}' in ${cliFolder}`)
  if (!(await ensureInstalled())) return 1
  return await handOver(cli, args)
}

function fail(text) {
  console.error(text)
  return 1
}

/** Everything that decides what an install puts into node_modules. */
function expectedStamp() {
  const folders = ['apps', 'packages', 'examples'].flatMap((parent) =>
    existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => join(parent, name)) : [],
  )
  const manifests = folders.map((folder) => join(folder, 'package.json')).filter((file) => existsSync(join(root, file)))
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`)
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests.sort()]) {
    hash.update(`${file}\n`).update(readFileSync(join(root, file)))
  }
  return hash.digest('hex')
}

function isInstalled() {
  return existsSync(pinnedNode) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === expectedStamp()
}

/** Installs the npm packages if they are not what the lock file says; of several at once, one installs and the others wait. */
async function ensureInstalled() {
  let told = false
  while (!isInstalled()) {
    const { lock, holder } = tryLock(join(root, '.data/install.lock'))
    if (lock) {
      try {
        return isInstalled() || (await install())
      } finally {
        lock.release()
      }
    }
    if (!told) console.log(`• npm packages: process ${holder.pid} is installing them, waiting`)
    told = true
    await delay(200)
  }
  return true
}

async function install() {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const started = Date.now()
  console.log(`• npm packages: installing with ${packageManager} …`)
  rmSync(stampFile, { force: true })
  // --prod=false: NODE_ENV=production must not leave out the tools. --pm-on-fail=ignore: this is the pnpm that
  // packageManager asks for; pnpm would look for itself in the lock file. CI: it never asks anything.
  const options = ['--frozen-lockfile', '--prod=false', '--pm-on-fail=ignore']
  const { code, output } = await run('npx', ['--yes', packageManager, 'install', ...options], {
    ...process.env,
    CI: 'true',
    npm_config_loglevel: 'warn',
    PATH: pathWithoutPackages(),
  })
  if (code !== 0) {
    console.error(output)
    console.error(`npm packages: the installation failed (exit code ${code}), see above`)
    return false
  }
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  writeFileSync(stampFile, expectedStamp())
  console.log(`  ✓ ${((Date.now() - started) / 1000).toFixed(1)} s`)
  return true
}

/** npm puts node_modules/.bin first, whose `node` is about to be replaced. */
function pathWithoutPackages() {
  const entries = (process.env.PATH ?? '').split(delimiter)
  return entries.filter((entry) => !entry.includes('node_modules')).join(delimiter)
}

function run(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.once('error', (error) => resolve({ code: 127, output: `${command}: ${error.message}` }))
    child.once('close', (code) => resolve({ code, output }))
  })
}

/**
 * Runs the command and answers with its exit code. Signals go on to it; the IPC channel tells it when this process
 * is gone, however it went.
 */
function handOver(cli, args) {
  const child = spawn(pinnedNode, [cli, ...args], {
    cwd: root,
    env: { ...process.env, PATH: [join(root, 'node_modules/.bin'), pathWithoutPackages()].join(delimiter) },
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  if (process.env.npm_lifecycle_event) watchNpm(() => child.kill('SIGTERM'))
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(fail(`${pinnedNode}: ${error.message}`)))
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  })
}

/**
 * npm runs scripts by a shell, which dies by a signal without passing it on, and which outlives npm. So both are watched;
 * who calls this script directly may well leave it alone.
 */
function watchNpm(onLoss) {
  const before = ancestors()
  const timer = setInterval(() => {
    if (ancestors() === before) return
    clearInterval(timer)
    onLoss()
  }, 500)
  timer.unref()
}

/** The parent and, where that is npm's shell (Linux's dash stays; other shells become this process), its parent. */
function ancestors() {
  const parent = process.ppid
  if (process.platform !== 'linux') return `${parent}`
  try {
    const [, name, grandparent] = /\((.*)\) . (\d+)/s.exec(readFileSync(`/proc/${parent}/stat`, 'latin1'))
    return /^(sh|dash|bash)$/.test(name) ? `${parent} ${grandparent}` : `${parent}`
  } catch (error) {
    // It went while we looked.
    if (['ENOENT', 'ESRCH'].includes(error.code)) return 'gone'
    throw error
  }
}

process.exit(await main(process.argv.slice(2)))
