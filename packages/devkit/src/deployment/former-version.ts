import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runGuarded } from '../services/guarded-process.ts'
import { workspaceRoot } from '../services/workspace.ts'

const JOURNAL = 'packages/core/src/schema/migrations/meta/_journal.json'

/**
 * The newest commit whose schema can be brought to that of now by migrations that are not in it as yet.
 * @returns undefined where the repository's history is not there
 */
export function commitWithFormerSchema(): string | undefined {
  const now = migrationsOf('HEAD')
  if (now === undefined) return undefined
  const changes = git('log', '--format=%H', '--', JOURNAL).trim().split('\n')
  return changes
    .flatMap((commit) => [commit, `${commit}^`])
    .find((commit) => {
      const then = migrationsOf(commit) ?? []
      return then.length > 0 && then.length < now.length && then.every((tag, index) => tag === now[index])
    })
}

/** Puts the files of a commit into a folder and installs its packages there, as a release would be. */
export async function checkOut(commit: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const archive = execFileSync('git', ['archive', commit], { cwd: workspaceRoot, maxBuffer: 2 ** 28 })
  execFileSync('tar', ['-x', '-C', folder], { input: archive })
  const { code } = await runGuarded({
    name: 'packages of the former version',
    command: process.execPath,
    args: [join(folder, 'packages/devkit/bin/bootstrap.mjs'), 'setup'],
    cwd: folder,
    log: join(folder, 'setup.log'),
  })
  if (code !== 0) throw new Error(`the packages of ${commit} could not be installed: see ${join(folder, 'setup.log')}`)
}

function migrationsOf(commit: string): string[] | undefined {
  try {
    const { entries } = JSON.parse(git('show', `${commit}:${JOURNAL}`)) as { entries: { tag: string }[] }
    return entries.map(({ tag }) => tag)
  } catch {
    // No repository, no such commit, or no schema in it.
    return undefined
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: workspaceRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}
