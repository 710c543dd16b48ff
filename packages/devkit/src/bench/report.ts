import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { workspaceRoot } from '../services/workspace.ts'
import type { Row } from './bench-system.ts'
import { type Spread, spreadOf } from './statistics.ts'

/** Three digits that count. */
export function amount(value: number): string {
  if (!Number.isFinite(value)) return '?'
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}

/** `median (lowest – highest)`, or the one value. */
export function spreadText({ median, min, max, values }: Spread): string {
  return values.length === 1 ? amount(median) : `${amount(median)} (${amount(min)} – ${amount(max)})`
}

/** Ratio round by round: what a round had to share the machine with met both. */
export function ratioOf(ours: Spread, theirs: Spread): Spread {
  return spreadOf(ours.values.map((value, round) => value / (theirs.values[round] ?? Number.NaN)))
}

/** The lines as a table, the aims in a column of their own. */
export function tableOf(rows: readonly Row[]): string {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) => row.map((cell, column) => cell?.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n')
}

/**
 * Writes the figures to bench/results.
 * @returns the file
 */
export function storeResults(results: object): string {
  const folder = join(workspaceRoot, 'bench', 'results')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.json`)
  const machine = { node: process.version, platform: process.platform, cores: cpus().length, cpu: cpus()[0]?.model }
  writeFileSync(file, `${JSON.stringify({ machine, ...results }, null, 2)}\n`)
  return file
}
