import { type TSchema, Type } from 'typebox'

const MAX_PAGE_SIZE = 200

/** Query parameters of every list. */
export const PageQuery = {
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1, description: 'Page number from 1' })),
  pageSize: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MAX_PAGE_SIZE, default: 20, description: 'Items a page' }),
  ),
}

/** PageResult of an item schema. */
export function PageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    total: Type.Integer(),
    totalIsEstimate: Type.Optional(
      Type.Literal(true, {
        description:
          'There where `total` is estimated, not counted: a list of more than 100,000 rows, or several conditions of which each alone fits more than 20,000',
      }),
    ),
    page: Type.Integer(),
    pageSize: Type.Integer(),
    items: Type.Array(item),
  })
}

export interface Page<Item> {
  total: number
  totalIsEstimate?: true
  page: number
  pageSize: number
  items: Item[]
}
