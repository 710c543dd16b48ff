import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import type { Circuits } from '@message-center/core/circuits/circuits.ts'
import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import type { TemplateSource } from '@message-center/core/configs/template-source.ts'
import type { DerivedStatus } from '@message-center/core/messages/message-status.ts'
import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { ConfigLimits } from '@message-center/core/quota/config-limits.ts'
import type { RateLimiter } from '@message-center/core/rate-limit/rate-limiter.ts'
import type { Cipher } from '@message-center/core/secrets/cipher.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import type { PipelineContext } from '../context.ts'
import { channelDispatch } from './channel-dispatch.ts'
import { channelRouter } from './channel-router.ts'
import { rateLimit } from './rate-limit.ts'
import { statusTracking } from './status-tracking.ts'
import { templateRender } from './template-render.ts'
import { timeWindow } from './time-window.ts'
import { validation } from './validation.ts'

export interface HandlerDependencies {
  registry: ChannelRegistry
  settings: SettingsSource
  templates: TemplateSource
  cipher: Cipher
  limiter: RateLimiter
  limitOf: ConfigLimits
  circuits: Circuits
  metrics: Metrics
  now(): Date
  dispatch(context: PipelineContext): Promise<void>
  onStatus(context: PipelineContext, status: DerivedStatus): void
}

/** The built-in steps in their order; those of MESSAGE_HANDLERS find their places by `order`. */
export function builtInHandlers(deps: HandlerDependencies): MessageHandler[] {
  return [
    validation({ channelTypes: new Set(deps.registry.keys()) }),
    timeWindow(deps),
    channelRouter(deps),
    rateLimit(deps),
    templateRender(deps),
    channelDispatch(deps),
    statusTracking(deps),
  ]
}
