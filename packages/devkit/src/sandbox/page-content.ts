import { asRecord } from './provider-call.ts'
import type { ReceivedMessage } from './received.ts'

/** What a person sees of a message, whatever the provider's format: nothing in here has been checked. */
export interface ShownContent {
  title: string
  text: string
  links: { title: string; url: string }[]
}

/** Reads title, text, links and buttons out of any payload, also out of one that was refused. */
export function contentOf(message: ReceivedMessage): ShownContent {
  const body = asRecord(message.payload)
  const msg = asRecord(body?.msg) ?? body
  const payload = asRecord(msg?.[String(msg?.msgtype)])
  if (payload === undefined)
    return { title: '', text: typeof message.payload === 'string' ? message.payload : '', links: [] }
  const headline = asRecord(payload.main_title)
  return {
    title: firstText(payload.title, headline?.title),
    text: texts(
      payload.content,
      payload.text,
      payload.markdown,
      payload.description,
      headline?.desc,
      payload.sub_title_text,
    ),
    links: [...singleLinks(payload), ...listedLinks(payload)],
  }
}

function singleLinks(payload: Record<string, unknown>): ShownContent['links'] {
  return [
    link(payload.singleTitle ?? payload.single_title, payload.singleURL ?? payload.single_url),
    link(payload.btntxt ?? payload.title, payload.messageUrl ?? payload.url),
    link('card', asRecord(payload.card_action)?.url),
    link('picture', payload.picUrl),
  ].flat()
}

function listedLinks(payload: Record<string, unknown>): ShownContent['links'] {
  const lists = [
    payload.btns,
    payload.btn_json_list,
    payload.jump_list,
    payload.button_list,
    payload.articles,
    payload.links,
  ]
  return lists
    .flatMap((list): unknown[] => (Array.isArray(list) ? list : []))
    .flatMap((item) => {
      const entry = asRecord(item) ?? {}
      const description = firstText(entry.description)
      const title = firstText(entry.title, entry.text) + (description === '' ? '' : ` · ${description}`)
      return link(title, entry.actionURL ?? entry.action_url ?? entry.messageURL ?? entry.url)
    })
}

function link(title: unknown, url: unknown): ShownContent['links'] {
  return typeof url === 'string' && url !== '' ? [{ title: firstText(title, url), url }] : []
}

function firstText(...values: unknown[]): string {
  return values.find((value) => typeof value === 'string' && value !== '')?.toString() ?? ''
}

function texts(...values: unknown[]): string {
  return values.filter((value) => typeof value === 'string' && value !== '').join('\n')
}
