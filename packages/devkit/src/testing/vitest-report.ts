/** The part of vitest's JSON report that is counted. */
export interface VitestReport {
  numPassedTests: number
  numFailedTests: number
  testResults: { name: string; status: string; assertionResults: { status: string }[] }[]
}

export interface TestCount {
  passed: number
  failed: number
}

/**
 * Counts a vitest run. A test file that failed outside its tests (it did not load, a hook threw) is one failure, and so
 * is a run that failed although each test passed (coverage, an unhandled error), or that left no report.
 * @param exitedWell whether vitest's exit code was 0
 */
export function countTests(report: VitestReport | undefined, exitedWell: boolean): TestCount {
  if (!report) return { passed: 0, failed: 1 }
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((assertion) => assertion.status === 'failed'),
  )
  const failed = report.numFailedTests + brokenFiles.length
  return { passed: report.numPassedTests, failed: failed === 0 && !exitedWell ? 1 : failed }
}
