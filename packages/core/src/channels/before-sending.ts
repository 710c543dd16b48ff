import { ChannelError } from './channel-error.ts'

/**
 * For calls that come before the message itself (access token, look-up of a user): without an answer the message has not
 * arrived for sure, so UNKNOWN becomes TRANSIENT.
 */
export async function beforeSending<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (!(error instanceof ChannelError) || error.errorClass !== 'UNKNOWN') throw error
    const { code, message } = error
    throw new ChannelError('TRANSIENT', { code, message: `before sending: ${message}` }, { cause: error })
  }
}
