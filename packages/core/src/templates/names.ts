/**
 * The name of a variable as people read it, from the section it stands in: `price` inside `${#items}` is `items[].price` and `.`
 * there is `items[]`; outside every section, `.` stays `.`. It says where a name is looked for first; what is not found there
 * is looked for outside the section.
 */
export function qualifiedName(section: string, name: string): string {
  if (name === '.') return section || name
  return section === '' ? name : `${section}.${name}`
}
