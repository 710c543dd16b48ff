import type { WorkNotice } from '../../schema.ts'

export function textStrategy(content: string): WorkNotice {
  return { msgtype: 'text', text: { content } }
}
