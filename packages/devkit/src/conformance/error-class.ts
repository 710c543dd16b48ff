import assert from 'node:assert/strict'
import type { ThrownError } from './rig.ts'

/** Fails where the error is of another class, and shows the whole error then: its class alone does not tell what happened. */
export function assertErrorClass(error: ThrownError, expected: string): void {
  const { errorClass, code = 'no code', message } = error
  assert.equal(errorClass, expected, `${expected} expected, but it is ${errorClass}: ${code}, ${message}`)
}
