import { type Static, Type } from 'typebox'

/** The message types of the product, richest first: the order in which a template is picked when the message names none. */
export const MESSAGE_TYPES = ['CARD', 'LINK', 'MARKDOWN', 'TEXT'] as const
export const MessageType = Type.Enum(MESSAGE_TYPES, { description: 'Kind of content' })
export type MessageType = (typeof MESSAGE_TYPES)[number]

const Title = Type.String({ minLength: 1, description: 'Headline' })
const Url = Type.String({
  minLength: 1,
  pattern: '^[A-Za-z][A-Za-z0-9+.-]*://',
  description: 'Absolute URL with scheme',
})

/** TEXT: the content is the text itself. */
export const TextContent = Type.String({ minLength: 1 })
/** MARKDOWN: `title` is what a chat list shows; a template without JSON gives only `text`. */
export const MarkdownContent = Type.Object(
  { title: Type.Optional(Title), text: Type.String({ minLength: 1 }) },
  { additionalProperties: false },
)
/** LINK: one linked article. */
export const LinkContent = Type.Object(
  { title: Title, text: Type.String({ minLength: 1 }), url: Url, picUrl: Type.Optional(Url) },
  { additionalProperties: false },
)
/** CARD: a titled markdown body with buttons. `vertical` stacks the buttons where the provider can. */
export const CardContent = Type.Object(
  {
    title: Title,
    text: Type.String({ minLength: 1 }),
    buttons: Type.Array(Type.Object({ title: Title, url: Url }, { additionalProperties: false }), { minItems: 1 }),
    vertical: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

/** Schema of the rendered content of each message type. */
export const CONTENT_SCHEMAS = {
  TEXT: TextContent,
  MARKDOWN: MarkdownContent,
  LINK: LinkContent,
  CARD: CardContent,
} as const

/** Rendered content of each message type: what an adapter's `send` receives. */
export interface ContentOf {
  TEXT: Static<typeof TextContent>
  MARKDOWN: Static<typeof MarkdownContent>
  LINK: Static<typeof LinkContent>
  CARD: Static<typeof CardContent>
}
export type Content = ContentOf[MessageType]
