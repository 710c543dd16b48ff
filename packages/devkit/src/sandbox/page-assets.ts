/** The page's whole script: asks every second whether anything changed; rows come escaped from the server. */
export const PAGE_SCRIPT = `
let version = ''
const rows = document.getElementById('rows')
const state = document.getElementById('state')
async function refresh() {
  try {
    const response = await fetch('/sandbox/rows?version=' + version)
    if (response.status === 200) {
      const open = rows.querySelector('details[open]') !== null
      const text = await response.text()
      if (!open) { rows.innerHTML = text; version = response.headers.get('x-version') }
    }
    state.textContent = rows.querySelector('details[open]') === null ? 'live' : 'paused while a raw view is open'
  } catch {
    state.textContent = 'the sandbox does not answer'
  }
  setTimeout(refresh, 1000)
}
refresh()
`

/** The page's whole style, light and dark. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: #d8dce3; --soft: #667085; --card: #fff; --page: #f5f6f8; --ink: #1d2433 }
@media (prefers-color-scheme: dark) { :root { --line: #333a47; --soft: #98a2b3; --card: #1b202a; --page: #12151b; --ink: #e6e9ef } }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; background: var(--page); color: var(--ink) }
header, main { max-width: 860px; margin: 0 auto; padding: 16px }
h1 { font-size: 20px; margin: 8px 0 0 } header p, .totals, .empty { color: var(--soft); margin: 4px 0 12px }
#state { color: #12805c }
article { background: var(--card); border: 1px solid var(--line); border-left: 4px solid #3370ff; border-radius: 8px; padding: 12px 16px; margin-bottom: 12px }
article.wecom { border-left-color: #07a35a }
.head { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline; font-size: 13px; color: var(--soft) }
.provider { font-weight: 600; color: var(--ink) }
.outcome { margin-left: auto; font-weight: 600 } .good { color: #12805c } .odd { color: #b54708 } .bad { color: #d92d20 }
h2 { font-size: 16px; margin: 8px 0 0; overflow-wrap: anywhere }
pre { margin: 8px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, monospace }
pre.text { font: inherit; max-height: 24em; overflow: auto }
code { font: 12px ui-monospace, monospace; overflow-wrap: anywhere; color: var(--soft) }
ul { margin: 8px 0 0; padding-left: 20px } a { color: #3370ff }
.people { margin: 8px 0 0; font-size: 13px; color: var(--soft) }
.people span { display: inline-block; border: 1px solid var(--line); border-radius: 10px; padding: 0 8px; margin: 0 4px 2px 0 }
details { margin-top: 8px; font-size: 13px; color: var(--soft) } summary { cursor: pointer }
`
