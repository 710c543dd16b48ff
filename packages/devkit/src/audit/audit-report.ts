/** The part of `pnpm audit --json` that is looked at. */
interface AuditReport {
  advisories: Record<string, Advisory>
}

interface Advisory {
  module_name: string
  severity: string
  title: string
  url: string
  findings: { version: string; paths: string[] }[]
}

export interface Verdict {
  /** What must not be shipped. */
  failures: string[]
  /** What people should know. */
  notes: string[]
}

/** Importers whose packages run in production, as pnpm writes their folders. */
const SHIPPED = /^(apps__|packages__core>)/
/** Worse than this fails; the others are told. */
const FAILING = new Set(['high', 'critical'])

/**
 * Judges what the registry knows of the installed packages. Only what is shipped and grave fails: an advisory of today on a
 * development tool must not turn yesterday's code red.
 * @param output of `pnpm audit --json`; undefined where it cannot be read as a report
 */
export function judgeAudit(output: string): Verdict | undefined {
  const report = parsed(output)
  if (report === undefined) return undefined
  const failures: string[] = []
  const notes: string[] = []
  for (const { module_name: name, severity, title, url, findings } of Object.values(report.advisories)) {
    const shipped = findings.some(({ paths }) => paths.some((path) => SHIPPED.test(path)))
    const versions = findings.map(({ version }) => version).join(', ')
    const line = `${severity}: ${name} ${versions}${shipped ? '' : ' (not shipped)'}: ${title} ${url}`
    if (shipped && FAILING.has(severity)) failures.push(line)
    else notes.push(line)
  }
  return { failures, notes }
}

function parsed(output: string): AuditReport | undefined {
  try {
    const report: unknown = JSON.parse(output)
    return typeof report === 'object' && report !== null && 'advisories' in report ? (report as AuditReport) : undefined
  } catch {
    // A registry that cannot be asked leaves no report.
    return undefined
  }
}
