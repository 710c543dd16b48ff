import { expect, test } from 'vitest'
import { countTests } from './vitest-report.ts'

const file = (status: string, ...assertions: string[]) => ({
  name: 'x.test.ts',
  status,
  assertionResults: assertions.map((assertion) => ({ status: assertion })),
})

test('counts tests as vitest does', () => {
  const report = {
    numPassedTests: 2,
    numFailedTests: 1,
    testResults: [file('passed', 'passed'), file('failed', 'passed', 'failed')],
  }
  expect(countTests(report, false)).toEqual({ passed: 2, failed: 1 })
})

test('a file that did not load, and a run that failed for another reason, count as one failure', () => {
  const broken = { numPassedTests: 1, numFailedTests: 0, testResults: [file('passed', 'passed'), file('failed')] }
  expect(countTests(broken, false)).toEqual({ passed: 1, failed: 1 })
  const coverage = { numPassedTests: 1, numFailedTests: 0, testResults: [file('passed', 'passed')] }
  expect(countTests(coverage, false)).toEqual({ passed: 1, failed: 1 })
  expect(countTests(coverage, true)).toEqual({ passed: 1, failed: 0 })
})

test('no report is a failure', () => {
  expect(countTests(undefined, true)).toEqual({ passed: 0, failed: 1 })
})
