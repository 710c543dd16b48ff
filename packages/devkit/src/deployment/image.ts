import { cpSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, matchesGlob, relative } from 'node:path'
import { deployFolder } from '../monitoring/monitoring-files.ts'
import { runGuarded } from '../services/guarded-process.ts'
import { workspaceRoot } from '../services/workspace.ts'

/** An instruction of a Dockerfile: `COPY`, `package.json ./`. */
type Instruction = [name: string, rest: string]

/** What a stage of deploy/Dockerfile makes, in a folder instead of an image. */
export interface BuiltStage {
  /** Where its `/app` is. */
  app: string
  /** Its CMD. */
  command: string[]
  user: string | undefined
  variables: Record<string, string>
}

/**
 * Follows a stage of deploy/Dockerfile, with those it builds on, for a machine without a Docker engine: copies what it copies,
 * but for what .dockerignore leaves out, and runs what it runs, with this machine's Node.js in the place of the image's.
 * @throws Error at an instruction that it does not know
 */
export async function buildStage(target: string, folder: string): Promise<BuiltStage> {
  const stages = readStages()
  const built = new Map<string, BuiltStage>()

  async function build(name: string): Promise<BuiltStage> {
    const stage = stages.get(name)
    if (!stage) throw new Error(`deploy/Dockerfile has no stage ${name}`)
    const app = join(folder, name)
    mkdirSync(app, { recursive: true })
    const base = stages.has(stage.from) ? await build(stage.from) : undefined
    if (base) cpSync(base.app, app, { recursive: true, verbatimSymlinks: true })
    const result: BuiltStage = { app, command: [], user: base?.user, variables: { ...base?.variables } }
    for (const instruction of stage.instructions) await follow(instruction, result)
    built.set(name, result)
    return result
  }

  async function follow([name, rest]: Instruction, stage: BuiltStage): Promise<void> {
    if (name === 'COPY') return copy(rest.split(/\s+/), stage)
    if (name === 'RUN') return run(rest, stage)
    if (name === 'CMD') stage.command = JSON.parse(rest)
    else if (name === 'USER') stage.user = rest
    else if (name === 'ENV') Object.assign(stage.variables, Object.fromEntries([rest.split('=')]))
    else if (!['WORKDIR', 'EXPOSE', 'HEALTHCHECK', 'STOPSIGNAL'].includes(name)) throw new Error(`what is ${name}?`)
  }

  async function copy(words: string[], { app }: BuiltStage): Promise<void> {
    const [, from] = /^--from=(.*)$/.exec(words[0] ?? '') ?? []
    const sources = words.slice(from === undefined ? 0 : 1, -1)
    const to = words.at(-1) ?? ''
    for (const source of sources) {
      const path = from === undefined ? join(workspaceRoot, source) : (built.get(from) ?? (await build(from))).app
      // As Docker does: into a folder that ends in a slash; else a folder's content becomes the target's.
      const intoFolder = to.endsWith('/') && statSync(path).isFile()
      const target = intoFolder ? join(app, to, source.split('/').at(-1) ?? '') : join(app, to)
      mkdirSync(dirname(target), { recursive: true })
      const filter = from === undefined ? isInContext : () => true
      cpSync(path, target, { recursive: true, verbatimSymlinks: true, filter })
    }
  }
  return build(target)
}

async function run(command: string, { app, variables }: BuiltStage): Promise<void> {
  const log = `${app}.log`
  const env = { ...process.env, ...variables }
  const { code } = await runGuarded({ name: command, command: '/bin/sh', args: ['-c', command], cwd: app, env, log })
  if (code !== 0) throw new Error(`${command}: ${readFileSync(log, 'utf8')}`)
}

function readStages(): Map<string, { from: string; instructions: Instruction[] }> {
  const stages = new Map<string, { from: string; instructions: Instruction[] }>()
  let current: { from: string; instructions: Instruction[] } | undefined
  for (const line of readFileSync(join(deployFolder, 'Dockerfile'), 'utf8').split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (name === 'FROM') {
      const [from = '', , stage = ''] = rest.split(/\s+/)
      current = { from, instructions: [] }
      stages.set(stage, current)
    } else if (current) current.instructions.push([name, rest])
    else throw new Error(`${line}: before any FROM`)
  }
  return stages
}

const ignored = readFileSync(join(workspaceRoot, '.dockerignore'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))

/** By .dockerignore: the last line that fits decides. */
function isInContext(path: string): boolean {
  const name = relative(workspaceRoot, path)
  const fits = (pattern: string) => matchesGlob(name, pattern) || matchesGlob(name, `${pattern}/**`)
  return ignored.reduce(
    (taken, line) => (line.startsWith('!') ? taken || fits(line.slice(1)) : taken && !fits(line)),
    true,
  )
}
