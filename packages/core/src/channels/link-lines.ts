/**
 * One markdown link per button. Brackets would end a link early: in titles they become full-width ones, in URLs they are
 * percent-encoded.
 */
export function linkLines(buttons: readonly { title: string; url: string }[]): string {
  return buttons
    .map(({ title, url }) => {
      const label = title.replaceAll('[', '［').replaceAll(']', '］')
      const target = url.replaceAll('(', '%28').replaceAll(')', '%29').replaceAll(' ', '%20')
      return `[${label}](${target})`
    })
    .join('\n')
}
