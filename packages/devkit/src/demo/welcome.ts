import { DEMO_MESSAGE } from './catalogue.ts'

export interface WelcomeFacts {
  apiUrl: string
  sandboxUrl: string
  workerMetricsUrl: string
  opsUser: string
  opsPassword: string
  /** A token of the demo tenant that may do everything within it. */
  token: string
  logFolder: string
}

/** What a newcomer needs once everything runs: where things are, and a command to paste. */
export function welcome(facts: WelcomeFacts): string[] {
  return [
    `  API              ${facts.apiUrl}`,
    `  Swagger UI       ${facts.apiUrl}/docs`,
    `  Received messages (DingTalk and WeCom sandbox)   ${facts.sandboxUrl}/`,
    `  Bull Board       ${facts.apiUrl}/queues   user ${facts.opsUser}, password ${facts.opsPassword}`,
    `  Metrics          ${facts.apiUrl}/metrics and ${facts.workerMetricsUrl}/metrics`,
    `  Logs             ${facts.logFolder}`,
    '',
    'Send one yourself (the token is good for 12 hours):',
    '',
    curlCommand(facts.apiUrl, facts.token),
  ]
}

/** A command for a POSIX shell, on one line so that it survives being pasted. */
function curlCommand(apiUrl: string, token: string): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
  return [
    `curl -sS ${quote(`${apiUrl}/api/messages`)}`,
    `-H ${quote(`authorization: Bearer ${token}`)}`,
    `-H ${quote('content-type: application/json')}`,
    `-d ${quote(JSON.stringify(DEMO_MESSAGE))}`,
  ].join(' ')
}
