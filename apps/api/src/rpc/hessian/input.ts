import { HessianError } from './java-object.ts'
import { readUtf16Units } from './read-string.ts'

/** Reads bytes, and the texts and binary data in them, from front to back; never past the end. */
export class HessianInput {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** The next byte, which stays; 0 at the end. */
  peek(): number {
    return this.#bytes[this.#at] ?? 0
  }

  byte(): number {
    return this.take(1)[0] ?? 0
  }

  uint(size: number): number {
    return this.take(size).readUIntBE(0, size)
  }

  take(size: number): Buffer {
    if (this.#at + size > this.#bytes.length) throw new HessianError('the value ends too early')
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }

  chars(units: number): string {
    const { text, end } = readUtf16Units(this.#bytes, this.#at, units)
    this.#at = end
    return text
  }

  binary(length: number): Buffer {
    return Buffer.from(this.take(length))
  }

  chunkedString(first: number): string {
    const chunks: string[] = []
    let code = first
    while (code === 0x52) {
      chunks.push(this.chars(this.uint(2)))
      code = this.byte()
    }
    if (code === 0x53) chunks.push(this.chars(this.uint(2)))
    else if (code <= 0x1f) chunks.push(this.chars(code))
    else if (code >= 0x30 && code <= 0x33) chunks.push(this.chars(((code - 0x30) << 8) + this.byte()))
    else throw new HessianError('the chunks of a string do not end')
    return chunks.join('')
  }

  chunkedBinary(first: number): Buffer {
    const chunks: Buffer[] = []
    let code = first
    while (code === 0x41) {
      chunks.push(this.take(this.uint(2)))
      code = this.byte()
    }
    if (code === 0x42) chunks.push(this.take(this.uint(2)))
    else if (code >= 0x20 && code <= 0x2f) chunks.push(this.take(code - 0x20))
    else if (code >= 0x34 && code <= 0x37) chunks.push(this.take(((code - 0x34) << 8) + this.byte()))
    else throw new HessianError('the chunks of binary data do not end')
    return Buffer.concat(chunks)
  }
}
