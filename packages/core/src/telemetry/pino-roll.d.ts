declare module 'pino-roll' {
  import type pino from 'pino'

  /** Opens the file of today and keeps changing it; resolves once it is open. */
  function roll(options: {
    file: string
    frequency: 'daily' | 'hourly' | number
    dateFormat: string
    /** `100m` */
    size: string
    limit: { count: number; removeOtherLogFiles: boolean }
    mkdir?: boolean
    sync?: boolean
    maxLength?: number
  }): Promise<ReturnType<typeof pino.destination>>
  export = roll
}
