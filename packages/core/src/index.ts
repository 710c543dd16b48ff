/** What channel adapters and pipeline handlers outside this repository build on. */
export * from './channels/adapter.ts'
export { ChannelError, type ErrorClass } from './channels/channel-error.ts'
export type { CandidateConfig } from './configs/candidates.ts'
export type { Content, ContentOf, MessageType } from './contracts/content.ts'
export type { FailureCode, OutcomeCode } from './contracts/messages.ts'
export type { PipelineMessage } from './messages/load-messages.ts'
export * from './pipeline/message-handler.ts'
