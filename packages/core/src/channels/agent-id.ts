import { Type } from 'typebox'

/** Of an app at DingTalk or WeCom. */
export const AgentId = Type.Union(
  [Type.String({ pattern: '^[0-9]{1,20}$' }), Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })],
  { description: 'AgentId of the app' },
)

/** As calls carry it: both providers document a number. One that a number cannot hold stays as it is. */
export function agentIdOf({ agentId }: { agentId: string | number }): number | string {
  return Number.isSafeInteger(Number(agentId)) ? Number(agentId) : agentId
}
