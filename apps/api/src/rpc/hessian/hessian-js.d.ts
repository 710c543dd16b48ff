declare module 'hessian.js' {
  const hessian: {
    encode(value: unknown, version: '2.0'): Buffer
    decode(bytes: Buffer, version: '2.0', withType?: boolean): unknown
  }
  export = hessian
}
