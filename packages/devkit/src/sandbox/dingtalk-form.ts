import { asRecord, isJsonContentType, type ProviderCall } from './provider-call.ts'

/**
 * The parameters of a topapi call as one object; undefined where the body is neither good JSON nor a form.
 * The documentation's own example posts a form whose `msg` is a JSON string; JSON bodies are in wide use and work too.
 */
export function readBody(call: ProviderCall): Record<string, unknown> | undefined {
  if (isJsonContentType(call.contentType)) return asRecord(call.json)
  if (!/^application\/x-www-form-urlencoded\b/i.test(call.contentType)) return undefined
  const fields: Record<string, unknown> = {}
  for (const [name, value] of new URLSearchParams(call.text)) fields[name] = name === 'msg' ? parseMsg(value) : value
  return fields
}

function parseMsg(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    // Left as it is: a `msg` that is no object is refused with DingTalk's own code.
    return value
  }
}
