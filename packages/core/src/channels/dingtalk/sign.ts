import { createHmac } from 'node:crypto'

/**
 * Signature of a robot call: base64(HMAC-SHA256(key = secret, data = timestamp "\n" secret)), not URL-encoded
 * (URLSearchParams does that; encoding twice is DingTalk's error 310000).
 * @param timestampMs epoch milliseconds; DingTalk refuses more than one hour off its own clock
 * @see https://open.dingtalk.com/document/robots/customize-robot-security-settings
 */
export function signRobotCall(secret: string, timestampMs: number): string {
  return createHmac('sha256', secret).update(`${timestampMs}\n${secret}`).digest('base64')
}
