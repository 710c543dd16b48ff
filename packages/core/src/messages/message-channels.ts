import type { Candidates } from '../configs/candidates.ts'
import type { PipelineMessage } from './load-messages.ts'

/**
 * The channels of a message, each of which gets a task: those it asks for, else those configured. What is not loaded in this
 * process is still a channel of the message: one that fails.
 * @param channelOrder registered channel types in their order
 */
export function channelsOf(
  { rerunChannels, targetChannels }: Pick<PipelineMessage, 'rerunChannels' | 'targetChannels'>,
  candidates: Candidates,
  channelOrder: readonly string[],
): string[] {
  const wanted = new Set(rerunChannels ?? targetChannels ?? candidates.keys())
  return [...new Set([...channelOrder, ...wanted])].filter((channelType) => wanted.has(channelType))
}
