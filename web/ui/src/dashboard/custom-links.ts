// The links that people give a widget, with placeholders for what it shows.
import type { Range } from '../time'
import type { CustomLink, Variables } from './definition'

// linksOf are a widget's links, filled in. Those that need the tags of a row are
// left out where there is no row.
export function linksOf(links: CustomLink[] | undefined, variables: Variables, range: Range, tags: string[] = []): { label: string; href: string }[] {
  return (links ?? []).flatMap(({ label, link, is_hidden: hidden }) => {
    if (hidden || !label || !link) return []
    let missing = false
    const href = link
      .replace(/\{\{\s*([^}]+?)\s*\}\}/g, (_, name: string) => {
        const value = placeholder(name, range, tags)
        if (value === undefined) missing = true
        return encodeURIComponent(value ?? '')
      })
      .replace(/\$([A-Za-z_]\w*)(\.value)?/g, (text, name: string, value?: string) => {
        const tag = variables[name]
        return tag === undefined ? text : encodeURIComponent(value ? tag.slice(tag.indexOf(':') + 1) : tag)
      })
    const rowed = tags.length > 0
    const needsRow = /\{\{/.test(link) && !/^[^{]*(\{\{\s*timestamp[^}]*\}\}[^{]*)*$/.test(link)
    return missing || needsRow !== rowed || !/^(https?:\/\/|\/(?!\/))/i.test(href) ? [] : [{ label, href }]
  })
}

function placeholder(name: string, range: Range, tags: string[]): string | undefined {
  if (name.startsWith('timestamp')) return String(Math.round(name.endsWith('end') ? range.to : range.from))
  const [key, part] = name.split(/\.(?=[^.]*$)/)
  const tag = tags.find((t) => t.startsWith(key + ':'))
  return tag && (part === 'value' ? tag.slice(key.length + 1) : tag)
}
