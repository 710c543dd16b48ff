/** What waits, in one line per holder; the lines take turns, and within a line order is kept. */
export interface FairLines<Entry> {
  push(line: string, entry: Entry): void
  /** Who is next; undefined where nobody waits. */
  peek(): Entry | undefined
  /** Takes the next one out. */
  shift(): Entry | undefined
  size(): number
}

export function createFairLines<Entry>(): FairLines<Entry> {
  /** In the order of their turns. */
  const lines = new Map<string, { entries: Entry[]; next: number }>()
  let size = 0

  return {
    push(name, entry) {
      const line = lines.get(name)
      if (line) line.entries.push(entry)
      else lines.set(name, { entries: [entry], next: 0 })
      size += 1
    },
    peek() {
      const [first] = lines.values()
      return first?.entries[first.next]
    },
    shift() {
      const [first] = lines
      if (!first) return undefined
      const [name, line] = first
      const entry = line.entries[line.next++]
      size -= 1
      lines.delete(name)
      // To the end of the turns.
      if (line.next < line.entries.length) lines.set(name, line)
      return entry
    },
    size: () => size,
  }
}
