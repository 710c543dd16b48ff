/** Length as people count: code points, not UTF-16 units. */
export function characters(text: string): number {
  return [...text].length
}
