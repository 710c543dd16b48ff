import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { type OpsToolName, opsTool } from './ops-tools.ts'

test.each<[OpsToolName, string]>([
  ['promtool', '--version'],
  ['prometheus', '--version'],
  ['alertmanager', '--version'],
  ['amtool', '--version'],
  ['nginx', '-v'],
])('%s can be run', (name, version) => {
  expect(() => execFileSync(opsTool(name), [version], { stdio: 'pipe' })).not.toThrow()
})
