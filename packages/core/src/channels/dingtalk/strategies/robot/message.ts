import type { RobotPayload } from '../../schema.ts'

/** What a content becomes for a robot. */
export interface RobotMessage {
  payload: RobotPayload
  /** What the type could not carry, for the task's detail. */
  notes: string[]
}
