import type { ContentOf } from '@message-center/core'
import type { FeishuPayload, PostElement } from '../schema.ts'
import type { Mentions } from './mentions.ts'

/** A post. A picture by its address cannot be shown there (Feishu wants uploaded ones), so it becomes a second link. */
export function linkMessage({ title, text, url, picUrl }: ContentOf['LINK'], { userIds }: Mentions): FeishuPayload {
  const content: PostElement[][] = [
    ...text.split('\n').map((line): PostElement[] => [{ tag: 'text', text: line }]),
    [{ tag: 'a', text: '查看详情', href: url }],
    ...(picUrl === undefined ? [] : [[{ tag: 'a' as const, text: '查看图片', href: picUrl }]]),
    ...(userIds.length === 0 ? [] : [userIds.map((id) => ({ tag: 'at' as const, user_id: id }))]),
  ]
  return { msg_type: 'post', content: { post: { zh_cn: { title, content } } } }
}
