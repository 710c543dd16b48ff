import { HessianInput } from './input.ts'
import { HessianError, type JavaObject } from './java-object.ts'

/** Values inside each other: a batch, its messages, and their data, which may be 32 deep. */
const MAX_DEPTH = 65
/** Each takes a byte on the wire, and much more in memory. */
const MAX_VALUES = 1_000_000
const CLASS_DEFINITION = 0x43
const END = 0x5a

/**
 * Reads one value of Hessian 2.0 (http://hessian.caucho.com/doc/hessian-serialization.html). Java long beyond 2^53 is a
 * bigint, a date a Date, a map a Map, an object a `JavaObject`, binary a Buffer. What is referred to twice, or refers to
 * itself, is the same JavaScript object. No class is ever looked up; work and memory are bounded by the input's length.
 * @throws HessianError
 */
export function decodeHessian(bytes: Buffer): unknown {
  return new HessianReader(bytes).readAll()
}

interface ClassDefinition {
  className: string
  fields: string[]
}

class HessianReader {
  readonly #input: HessianInput
  #depth = 0
  #values = 0
  readonly #references: unknown[] = []
  readonly #classes: ClassDefinition[] = []
  readonly #types: string[] = []

  constructor(bytes: Buffer) {
    this.#input = new HessianInput(bytes)
  }

  readAll(): unknown {
    const value = this.#read()
    if (this.#input.left > 0) throw new HessianError('there are bytes after the value')
    return value
  }

  #read(): unknown {
    if (++this.#values > MAX_VALUES) throw new HessianError(`there are more than ${MAX_VALUES} values`)
    // An item, a key, a length or a name: whatever is read within a value could be any value.
    if (++this.#depth > MAX_DEPTH) throw new HessianError(`values are nested deeper than ${MAX_DEPTH}`)
    let code = this.#input.byte()
    while (code === CLASS_DEFINITION) {
      this.#defineClass()
      code = this.#input.byte()
    }
    const value = this.#value(code)
    this.#depth--
    return value
  }

  #value(code: number): unknown {
    if (code <= 0x1f) return this.#input.chars(code)
    if (code <= 0x2f) return this.#input.binary(code - 0x20)
    if (code <= 0x33) return this.#input.chars(((code - 0x30) << 8) + this.#input.byte())
    if (code <= 0x37) return this.#input.binary(((code - 0x34) << 8) + this.#input.byte())
    if (code <= 0x3f) return ((code - 0x3c) << 16) + this.#input.uint(2)
    if (code >= 0x60 && code <= 0x6f) return this.#object(code - 0x60)
    if (code >= 0x70 && code <= 0x77) return this.#typedList(code - 0x70)
    if (code >= 0x78 && code <= 0x7f) return this.#list(code - 0x78)
    if (code >= 0x80) return this.#compactNumber(code)
    return this.#tagged(code)
  }

  /** int and long of one to three bytes. */
  #compactNumber(code: number): number {
    if (code <= 0xbf) return code - 0x90
    if (code <= 0xcf) return ((code - 0xc8) << 8) + this.#input.byte()
    if (code <= 0xd7) return ((code - 0xd4) << 16) + this.#input.uint(2)
    if (code <= 0xef) return code - 0xe0
    return ((code - 0xf8) << 8) + this.#input.byte()
  }

  #tagged(code: number): unknown {
    switch (code) {
      case 0x4e: // N
        return null
      case 0x54: // T
        return true
      case 0x46: // F
        return false
      case 0x49: // I
      case 0x59: // long of 32 bits
        return this.#input.take(4).readInt32BE()
      case 0x4c: // L
        return this.#long()
      case 0x44: // D
        return this.#input.take(8).readDoubleBE()
      case 0x5b:
        return 0
      case 0x5c:
        return 1
      case 0x5d:
        return this.#input.take(1).readInt8()
      case 0x5e:
        return this.#input.take(2).readInt16BE()
      case 0x5f: // thousandths
        return this.#input.take(4).readInt32BE() / 1000
      case 0x4a: // J
        return new Date(Number(this.#input.take(8).readBigInt64BE()))
      case 0x4b: // K, minutes
        return new Date(this.#input.take(4).readInt32BE() * 60_000)
      case 0x52: // R
      case 0x53: // S
        return this.#input.chunkedString(code)
      case 0x41: // A
      case 0x42: // B
        return this.#input.chunkedBinary(code)
      default:
        return this.#compound(code)
    }
  }

  #compound(code: number): unknown {
    switch (code) {
      case 0x4f: // O
        return this.#object(this.#int())
      case 0x51: // Q
        return this.#reference(this.#int())
      case 0x48: // H
        return this.#map()
      case 0x4d: // M
        this.#type()
        return this.#map()
      case 0x55:
        this.#type()
        return this.#list(undefined)
      case 0x56: // V
        this.#type()
        return this.#list(this.#int())
      case 0x57:
        return this.#list(undefined)
      case 0x58:
        return this.#list(this.#int())
      default:
        throw new HessianError(`0x${code.toString(16)} begins no value`)
    }
  }

  #typedList(length: number): unknown[] {
    this.#type()
    return this.#list(length)
  }

  /** @param length undefined: until the end mark */
  #list(length: number | undefined): unknown[] {
    const items: unknown[] = []
    this.#references.push(items)
    if (length === undefined) while (!this.#isEnd()) items.push(this.#read())
    else for (let left = this.#fitting(length); left > 0; left--) items.push(this.#read())
    return items
  }

  #map(): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>()
    this.#references.push(map)
    while (!this.#isEnd()) {
      const key = this.#read()
      map.set(key, this.#read())
    }
    return map
  }

  #defineClass(): void {
    const className = this.#string()
    const fields: string[] = []
    for (let left = this.#fitting(this.#int()); left > 0; left--) fields.push(this.#string())
    this.#classes.push({ className, fields })
  }

  #object(index: number): JavaObject {
    const definition = this.#classes[index]
    if (!definition) throw new HessianError(`class ${index} was not defined`)
    const object: JavaObject = { className: definition.className, fields: new Map() }
    this.#references.push(object)
    for (const field of definition.fields) object.fields.set(field, this.#read())
    return object
  }

  #reference(index: number): unknown {
    if (index < 0 || index >= this.#references.length) throw new HessianError(`there is no value ${index} to refer to`)
    return this.#references[index]
  }

  /** A type's name, or the number of one that came before. Only skipped: types say nothing that we need. */
  #type(): void {
    const code = this.#input.peek()
    const isName = code <= 0x1f || (code >= 0x30 && code <= 0x33) || code === 0x52 || code === 0x53
    if (isName) this.#types.push(this.#string())
    else if (this.#types[this.#int()] === undefined) throw new HessianError('a type was not named before')
  }

  #string(): string {
    const value = this.#read()
    if (typeof value !== 'string') throw new HessianError('a name must be a string')
    return value
  }

  #int(): number {
    const value = this.#read()
    if (typeof value !== 'number' || !Number.isInteger(value)) throw new HessianError('a length must be an int')
    return value
  }

  #long(): number | bigint {
    const value = this.#input.take(8).readBigInt64BE()
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }

  /** Every item takes a byte at least: a length that cannot be met is refused before anything is read. */
  #fitting(length: number): number {
    if (length < 0 || length > this.#input.left) throw new HessianError('a list is longer than what was sent')
    return length
  }

  #isEnd(): boolean {
    if (this.#input.peek() !== END) return false
    this.#input.byte()
    return true
  }
}
