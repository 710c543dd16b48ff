import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import { describeWindow, isOpen, nextOpening } from '@message-center/core/configs/time-window.ts'
import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'

/** Leaves only candidates that are open now; where none is, one that may wait for its window (`DEFER`). */
export function timeWindow(deps: { settings: SettingsSource; now: () => Date }): MessageHandler {
  return {
    name: 'time-window',
    order: 200,
    async handle(context, next) {
      const { timeZone } = await deps.settings(context.message.tenantId)
      const now = deps.now()
      for (const channel of context.channels) {
        if (channel.candidates.length === 0) continue
        const open = channel.candidates.filter(({ timeWindow: window }) => !window || isOpen(window, now, timeZone))
        if (open.length > 0) {
          channel.candidates = open
          continue
        }
        const [waiting] = channel.candidates.filter((config) => config.timeWindow?.policy === 'DEFER')
        if (waiting?.timeWindow) {
          channel.candidates = [waiting]
          channel.notBefore = nextOpening(waiting.timeWindow, now, timeZone)
        } else {
          context.drop(channel.channelType, 'OUTSIDE_TIME_WINDOW', describe(channel.candidates, timeZone))
        }
      }
      await next()
    },
  }
}

function describe(configs: readonly CandidateConfig[], timeZone: string): string {
  return configs
    .flatMap(({ channelName, timeWindow: window }) => (window ? [describeWindow(channelName, window, timeZone)] : []))
    .join('; ')
}
