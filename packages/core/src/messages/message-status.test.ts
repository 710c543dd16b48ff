import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OUTCOME_CODES, TASK_STATUSES } from '../contracts/messages.ts'
import { deriveStatus, type TaskState } from './message-status.ts'

const failed = fc.record({
  status: fc.constant('FAILED' as const),
  errorCode: fc.constantFrom(...OUTCOME_CODES),
  resultMessage: fc.string(),
})
const anyTask: fc.Arbitrary<TaskState> = fc.oneof(
  failed,
  fc.record({
    status: fc.constantFrom(...TASK_STATUSES),
    errorCode: fc.constant(null),
    resultMessage: fc.constant(null),
  }),
)
const someTasks = fc.array(anyTask, { minLength: 1, maxLength: 8 })

test('a message is final exactly when all its tasks are', () => {
  fc.assert(
    fc.property(someTasks, (tasks) => {
      const open = tasks.some(({ status }) => status !== 'SUCCESS' && status !== 'FAILED')
      expect(deriveStatus(tasks).status === 'PROCESSING').toBe(open)
    }),
  )
})

test('the counts are those of the tasks, whatever the state', () => {
  fc.assert(
    fc.property(someTasks, (tasks) => {
      expect(deriveStatus(tasks)).toMatchObject({
        totalChannels: tasks.length,
        successChannels: tasks.filter(({ status }) => status === 'SUCCESS').length,
        failedChannels: tasks.filter(({ status }) => status === 'FAILED').length,
      })
    }),
  )
})

test('all succeeded: SUCCESS; none: FAILED; some: PARTIAL_SUCCESS', () => {
  const final = fc.array(
    fc.oneof(failed, fc.constant({ status: 'SUCCESS' as const, errorCode: null, resultMessage: null })),
    { minLength: 1, maxLength: 8 },
  )
  fc.assert(
    fc.property(final, (tasks) => {
      const { status, successChannels, failedChannels, errorCode } = deriveStatus(tasks)
      const expected = failedChannels === 0 ? 'SUCCESS' : successChannels === 0 ? 'FAILED' : 'PARTIAL_SUCCESS'
      expect(status).toBe(expected)
      expect(errorCode === null).toBe(status === 'SUCCESS')
    }),
  )
})

test('the code is the one that the failed tasks share, else that of the first in channel order', () => {
  fc.assert(
    fc.property(fc.array(failed, { minLength: 1, maxLength: 8 }), (tasks) => {
      const { errorCode, errorMessage } = deriveStatus(tasks)
      const codes = new Set(tasks.map((task) => task.errorCode))
      expect(codes.size === 1 ? [...codes] : [tasks[0]?.errorCode]).toEqual([errorCode])
      expect(errorMessage).toBe(tasks[0]?.resultMessage)
    }),
  )
})

test('a message under way has no error yet', () => {
  fc.assert(
    fc.property(fc.array(failed, { maxLength: 4 }), (tasks) => {
      const open: TaskState = { status: 'RETRY', errorCode: 'CHANNEL_ERROR', resultMessage: 'CHANNEL_ERROR: 500' }
      expect(deriveStatus([...tasks, open])).toMatchObject({
        status: 'PROCESSING',
        errorCode: null,
        errorMessage: null,
      })
    }),
  )
})
