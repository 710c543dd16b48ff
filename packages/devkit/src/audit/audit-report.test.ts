import { expect, test } from 'vitest'
import { judgeAudit } from './audit-report.ts'

const advisory = (name: string, severity: string, path: string) => ({
  module_name: name,
  severity,
  title: 'Bad thing',
  url: 'https://github.com/advisories/GHSA-x',
  findings: [{ version: '1.0.0', paths: [`packages__devkit>autocannon>${name}`, path] }],
})
const report = (...advisories: object[]) => JSON.stringify({ advisories: { ...advisories }, metadata: {} })

test('a grave vulnerability of a package that runs in production fails; lesser ones and those of tools are told', () => {
  const verdict = judgeAudit(
    report(
      advisory('fastify', 'high', 'apps__api>fastify'),
      advisory('undici', 'critical', 'packages__core>undici'),
      advisory('pino', 'moderate', 'apps__worker>@message-center/core>pino'),
      advisory('lodash', 'critical', 'packages__devkit>lodash'),
    ),
  )
  expect(verdict?.failures).toEqual([
    'high: fastify 1.0.0: Bad thing https://github.com/advisories/GHSA-x',
    'critical: undici 1.0.0: Bad thing https://github.com/advisories/GHSA-x',
  ])
  expect(verdict?.notes).toEqual([
    'moderate: pino 1.0.0: Bad thing https://github.com/advisories/GHSA-x',
    'critical: lodash 1.0.0 (not shipped): Bad thing https://github.com/advisories/GHSA-x',
  ])
})

test('nothing known is nothing to tell; no report is no verdict', () => {
  expect(judgeAudit(report())).toEqual({ failures: [], notes: [] })
  for (const output of ['', 'responded with 405', '{"error":{"code":"ERR_PNPM_AUDIT_BAD_RESPONSE"}}', 'null'])
    expect(judgeAudit(output)).toBeUndefined()
})
