import type { ContentOf } from '../../../contracts/content.ts'
import { fitText, type Overflow } from '../../truncate.ts'

/** Bytes; WeCom itself would cut the rest without a word. */
const MAX_TITLE_BYTES = 128
const MAX_DESCRIPTION_BYTES = 512

/**
 * Title and description of a news article or a textcard.
 * @throws ChannelError CONTENT_TOO_LONG
 */
export function articleTexts(
  { title, text }: Pick<ContentOf['LINK'], 'title' | 'text'>,
  overflow: Overflow,
): { title: string; description: string } {
  const fit = (value: string, field: string, maxBytes: number): string =>
    fitText(value, { field, maxBytes, size: Buffer.byteLength }, overflow)
  return {
    title: fit(title, 'the title', MAX_TITLE_BYTES),
    description: fit(text, 'the description', MAX_DESCRIPTION_BYTES),
  }
}

/** Whether a title and a text are shown whole. */
export function fitsArticle({ title, text }: Pick<ContentOf['LINK'], 'title' | 'text'>): boolean {
  return Buffer.byteLength(title) <= MAX_TITLE_BYTES && Buffer.byteLength(text) <= MAX_DESCRIPTION_BYTES
}
