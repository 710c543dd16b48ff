import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Html, html } from './html.ts'
import { PAGE_SCRIPT, PAGE_STYLE } from './page-assets.ts'
import { contentOf } from './page-content.ts'
import { type ReceivedMessage, toReceivedMessage } from './received.ts'
import type { SandboxState } from './state.ts'

const SHOWN_MESSAGES = 100
const PROVIDER_NAMES = { dingtalk: 'DingTalk 钉钉', wecom: 'WeCom 企业微信' }

/** Even if something slipped through the escaping: no script but ours, nothing loaded from anywhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `script-src 'sha256-${sha256(PAGE_SCRIPT)}'`,
  `style-src 'sha256-${sha256(PAGE_STYLE)}'`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The web page at `/` that shows messages as they arrive, newest first; it asks `/sandbox/rows` for what is new. */
export function mountPage(app: FastifyInstance, state: SandboxState): void {
  app.get('/', async (_request, reply) => {
    reply.type('text/html; charset=utf-8').headers({
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    })
    return renderPage(state)
  })

  app.get<{ Querystring: { version?: string } }>('/sandbox/rows', async (request, reply) => {
    const version = String(state.received.version())
    reply.headers({ 'cache-control': 'no-store', 'x-version': version })
    if (request.query.version === version) return reply.code(204).send()
    reply.type('text/html; charset=utf-8')
    return renderRows(state).html
  })
}

function renderPage(state: SandboxState): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Provider sandbox</title>
<style>${{ html: PAGE_STYLE }}</style>
</head>
<body>
<header>
<h1>Provider sandbox</h1>
<p>What DingTalk and WeCom would have received. Nothing leaves this machine. <span id="state"></span></p>
</header>
<main id="rows">${renderRows(state)}</main>
<script>${{ html: PAGE_SCRIPT }}</script>
</body>
</html>`.html
}

function renderRows(state: SandboxState): Html {
  const messages = state.received.list({ limit: SHOWN_MESSAGES }).reverse()
  const { received, delivered, duplicate, dropped } = state.counters.values()
  const totals = html`<p class="totals"><b>${received}</b> received · <b>${delivered}</b> delivered · <b>${duplicate}</b> duplicates · <b>${dropped}</b> dropped</p>`
  if (messages.length === 0)
    return html`${totals}<p class="empty">No messages yet. They appear here as they arrive.</p>`
  return html`${totals}${messages.map((message) => renderMessage(toReceivedMessage(message)))}`
}

function renderMessage(message: ReceivedMessage): Html {
  const { title, text, links } = contentOf(message)
  const outcome = outcomeOf(message)
  return html`<article class="${message.provider}">
<div class="head"><span class="provider">${PROVIDER_NAMES[message.provider]}</span><span>${message.mode}</span><code>${message.key}</code><span>${message.msgtype}</span><time>${new Date(message.at).toISOString()}</time><span class="outcome ${outcome.tone}">${outcome.text}</span></div>
${title === '' ? '' : html`<h2>${title}</h2>`}
${text === '' ? '' : html`<pre class="text">${text}</pre>`}
${links.length === 0 ? '' : html`<ul>${links.map(renderLink)}</ul>`}
${renderPeople(message)}
<details><summary>raw</summary><pre>${JSON.stringify(message.payload, null, 2)}</pre></details>
</article>`
}

function renderLink({ title, url }: { title: string; url: string }): Html {
  if (!/^https?:\/\//i.test(url)) return html`<li>${title} <code>${url}</code></li>`
  return html`<li><a href="${url}" target="_blank" rel="noopener noreferrer">${title}</a> <code>${url}</code></li>`
}

function renderPeople({ recipients, truncated }: ReceivedMessage): Html {
  const entries: [label: string, values: readonly string[]][] = [
    ['to', [...(recipients.all ? ['everyone'] : []), ...recipients.userIds, ...recipients.mobiles]],
    ['departments', recipients.departments],
    ['tags', recipients.tags],
    ['unknown', recipients.invalid],
    ['silently dropped', recipients.dropped],
    ['mention not shown', recipients.notShown],
    ['cut on display', truncated],
  ]
  const shown = entries.filter(([, values]) => values.length > 0)
  return html`${shown.map(([label, values]) => html`<p class="people">${label}: ${values.map((value) => html`<span>${value}</span>`)}</p>`)}`
}

function outcomeOf({ answer, delivered, duplicate, dropped, recalled, fault }: ReceivedMessage): {
  text: string
  tone: 'good' | 'odd' | 'bad'
} {
  const suffix = fault === undefined ? '' : ` (fault: ${fault})`
  if (recalled) return { text: `recalled${suffix}`, tone: 'odd' }
  if (duplicate) return { text: `duplicate, not shown again${suffix}`, tone: 'odd' }
  if (dropped) return { text: `dropped silently${suffix}`, tone: 'odd' }
  if (delivered) return { text: `delivered${suffix}`, tone: fault === undefined ? 'good' : 'odd' }
  if (answer.status === 0) return { text: `no answer${suffix}`, tone: 'bad' }
  return { text: `refused: ${answer.errcode ?? `HTTP ${answer.status}`}${suffix}`, tone: 'bad' }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
