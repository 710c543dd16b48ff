import { isJavaObject, type JavaObject } from './java-object.ts'

/** What `encodeHessian` writes; numbers are Java ints. */
export type HessianValue = null | boolean | number | string | readonly HessianValue[] | JavaObject

/** A chunk's length is 16 bits; Java reads into a buffer of this size. */
const CHUNK_UNITS = 0x8000

/** Writes one value in Hessian 2.0, strings as Java does: three bytes for each half of a surrogate pair. */
export function encodeHessian(value: HessianValue): Buffer {
  const parts: Buffer[] = []
  write(value, parts, [])
  return Buffer.concat(parts)
}

function write(value: HessianValue, parts: Buffer[], classes: string[]): void {
  if (value === null) parts.push(Buffer.from('N'))
  else if (typeof value === 'boolean') parts.push(Buffer.from(value ? 'T' : 'F'))
  else if (typeof value === 'number') parts.push(int(value))
  else if (typeof value === 'string') writeString(value, parts)
  else if (isJavaObject(value)) writeObject(value, parts, classes)
  else {
    parts.push(Buffer.of(0x58), int(value.length))
    for (const item of value) write(item, parts, classes)
  }
}

/** Objects of one class have the same fields in the same order: the class is defined once. */
function writeObject({ className, fields }: JavaObject, parts: Buffer[], classes: string[]): void {
  let index = classes.indexOf(className)
  if (index < 0) {
    index = classes.push(className) - 1
    parts.push(Buffer.from('C'))
    writeString(className, parts)
    parts.push(int(fields.size))
    for (const name of fields.keys()) writeString(name, parts)
  }
  parts.push(Buffer.from('O'), int(index))
  for (const value of fields.values()) write(value as HessianValue, parts, classes)
}

function int(value: number): Buffer {
  if (value >= -16 && value <= 47) return Buffer.of(0x90 + value)
  const bytes = Buffer.alloc(5)
  bytes.write('I')
  bytes.writeInt32BE(value, 1)
  return bytes
}

function writeString(text: string, parts: Buffer[]): void {
  let start = 0
  while (text.length - start > CHUNK_UNITS) {
    const last = text.charCodeAt(start + CHUNK_UNITS - 1)
    // A pair stays together.
    const end = start + CHUNK_UNITS - (last >= 0xd800 && last <= 0xdbff ? 1 : 0)
    parts.push(header('R', end - start), cesu8(text.slice(start, end)))
    start = end
  }
  parts.push(header('S', text.length - start), cesu8(text.slice(start)))
}

function header(tag: 'R' | 'S', length: number): Buffer {
  return Buffer.of(tag.charCodeAt(0), length >> 8, length & 0xff)
}

function cesu8(text: string): Buffer {
  if (!/[\ud800-\udfff]/.test(text)) return Buffer.from(text)
  const units = Array.from({ length: text.length }, (_, at) => {
    const unit = text.charCodeAt(at)
    const isHalf = unit >= 0xd800 && unit <= 0xdfff
    return isHalf
      ? Buffer.of(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f))
      : Buffer.from(text.charAt(at))
  })
  return Buffer.concat(units)
}
