import { asRecord } from './provider-call.ts'
import { type Check, list, object, text, url } from './shape.ts'
import { cutPaths } from './wecom-answers.ts'

const TITLE_BYTES = 128
const DESCRIPTION_BYTES = 512

/** `news`, the same for robots and apps: 1 to 8 articles. */
export const newsPayload: Check = object({
  required: {
    articles: list(
      object({
        required: { title: text(), url: url({ schemes: ['http', 'https'], maxBytes: 2048 }) },
        optional: {
          description: text({ mayBeEmpty: true }),
          picurl: url({ schemes: ['http', 'https'], mayBeEmpty: true }),
        },
      }),
      { min: 1, max: 8 },
    ),
  },
})

/** Titles over 128 and descriptions over 512 bytes are cut without an error. */
export function cutArticles(news: unknown): string[] {
  const articles = asRecord(news)?.articles
  return (Array.isArray(articles) ? articles : []).flatMap((article, index) =>
    cutPaths([
      { path: `news.articles[${index}].title`, value: asRecord(article)?.title, bytes: TITLE_BYTES },
      { path: `news.articles[${index}].description`, value: asRecord(article)?.description, bytes: DESCRIPTION_BYTES },
    ]),
  )
}
