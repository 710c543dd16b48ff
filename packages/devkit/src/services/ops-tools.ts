import { canUseApt, installPackages } from './apt.ts'
import { findExecutable } from './find-server.ts'
import type { Progress } from './service-kind.ts'

/** A program that the ops tests run, with what brings it on Debian. */
interface OpsTool {
  /** The names it goes by; the first that is found counts. */
  names: string[]
  package: string
  /** Units that the package would start at boot. */
  units?: string[]
}

const OPS_TOOLS = {
  promtool: { names: ['promtool'], package: 'prometheus' },
  prometheus: { names: ['prometheus'], package: 'prometheus', units: ['prometheus'] },
  alertmanager: {
    names: ['prometheus-alertmanager', 'alertmanager'],
    package: 'prometheus-alertmanager',
    units: ['prometheus-alertmanager'],
  },
  amtool: { names: ['amtool'], package: 'prometheus-alertmanager' },
  nginx: { names: ['nginx'], package: 'nginx-light', units: ['nginx'] },
} satisfies Record<string, OpsTool>

export type OpsToolName = keyof typeof OPS_TOOLS

/** Where a tool lies on this machine; undefined where it is not installed. */
export function findOpsTool(name: OpsToolName): string | undefined {
  return findExecutable(OPS_TOOLS[name].names)
}

/** @throws Error that says what to install */
export function opsTool(name: OpsToolName): string {
  const found = findOpsTool(name)
  if (found === undefined) throw new Error(`${name} is not on this machine: npm run test:ops installs it on Debian`)
  return found
}

/**
 * All tools of the ops tests; on Debian as root those that are missing are installed, without letting them start as services.
 * @throws Error that says what to install
 */
export async function provideOpsTools(progress: Progress): Promise<void> {
  const missing = missingTools()
  if (missing.length > 0 && canUseApt()) {
    const packages = [...new Set(missing.map((tool) => tool.package))]
    await installPackages(
      packages,
      progress,
      missing.flatMap((tool) => tool.units ?? []),
    )
  }
  const absent = missingTools().map(({ names: [name], package: of }) => `${name} (Debian: apt-get install ${of})`)
  if (absent.length > 0) throw new Error(`npm run test:ops needs ${absent.join(', ')}`)
}

function missingTools(): OpsTool[] {
  return Object.values(OPS_TOOLS).filter(({ names }) => findExecutable(names) === undefined)
}
