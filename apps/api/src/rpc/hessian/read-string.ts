import { HessianError } from './java-object.ts'

/**
 * Reads UTF-8 as Java's Hessian writes it: the length counts UTF-16 units, and half a surrogate pair is three bytes of its
 * own (CESU-8). Four-byte sequences, which other languages write, are two units.
 * @returns the text and the position after it
 */
export function readUtf16Units(bytes: Buffer, start: number, units: number): { text: string; end: number } {
  const asciiEnd = start + units
  if (asciiEnd > bytes.length) throw new HessianError('a string is longer than what was sent')
  if (isAscii(bytes, start, asciiEnd)) return { text: bytes.toString('latin1', start, asciiEnd), end: asciiEnd }
  const codes = new Uint16Array(units)
  let at = start
  for (let unit = 0; unit < units; ) {
    const lead = bytes[at] ?? 0
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    if (at + size > bytes.length) throw new HessianError('a string ends in the middle of a character')
    const code = codePointAt(bytes, at, size)
    at += size
    if (code <= 0xffff) codes[unit++] = code
    else {
      codes[unit++] = 0xd800 + ((code - 0x1_0000) >> 10)
      codes[unit++] = 0xdc00 + (code & 0x3ff)
    }
  }
  return { text: Buffer.from(codes.buffer, 0, units * 2).toString('utf16le'), end: at }
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] ?? 0) >= 0x80) return false
  return true
}

function codePointAt(bytes: Buffer, at: number, size: number): number {
  const lead = bytes[at] ?? 0
  if (size === 1) return lead
  let code = lead & (0xff >> (size + 1))
  for (let next = at + 1; next < at + size; next++) {
    const byte = bytes[next] ?? 0
    if ((byte & 0xc0) !== 0x80) throw new HessianError('a string is not UTF-8')
    code = (code << 6) | (byte & 0x3f)
  }
  if (lead < 0xc0 || code > 0x10_ffff) throw new HessianError('a string is not UTF-8')
  return code
}
