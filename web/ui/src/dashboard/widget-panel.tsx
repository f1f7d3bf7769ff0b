// What all widgets have: a panel with a title, a time of their own, and links.
import type { ComponentChildren } from 'preact'
import { Failure, Panel } from '../parts/basics'
import type { Loaded } from '../data'
import { useRange } from '../range'
import type { Range } from '../time'
import type { CustomLink, Definition, Variables } from './definition'
import { spanOf, useOwnTime } from './widget-time'

export interface WidgetProps {
  definition: Definition
  variables: Variables
  tools?: ComponentChildren // of the editor, in the place of links
  height?: number // px for the content
}

const aligned: Record<string, string> = { center: 'centre', right: 'end' }

export function WidgetPanel({ definition: d, variables, tools, title, links, buttons, loaded, loading, flush, bare, children }: WidgetProps & {
  title?: ComponentChildren // where the widget has none
  links?: ComponentChildren // in the place of tools, where there are none
  buttons?: ComponentChildren // before either
  loaded?: Loaded<unknown> // whose failure stands in the place of the content
  loading?: boolean
  flush?: boolean
  bare?: boolean // no head, but for tools
  children: ComponentChildren
}) {
  const range = useRange()
  const own = useOwnTime()
  const size = Number(d.title_size)
  const said = d.title || title
  const head = !bare && (said || own) ? (
    <span class={`widget-title ${aligned[d.title_align ?? ''] ?? ''}`} style={size >= 8 && size <= 40 ? { fontSize: `${size}px`, lineHeight: 1.3 } : undefined}>
      {said}{own && <span class="own-time">{spanOf(d.time!)}</span>}
    </span>
  ) : undefined
  const ownLinks = linksOf(d.custom_links, variables, range)
  return (
    <Panel
      flush={flush}
      title={head}
      label={typeof said === 'string' ? said : undefined}
      loading={loading ?? (loaded?.loading && loaded.data !== undefined)}
      actions={(tools || links || buttons || ownLinks.length > 0) && (
        <>
          {ownLinks.map((l) => <a key={l.label} class="small" href={l.href} rel="noreferrer">{l.label}</a>)}
          {buttons}
          {tools ?? links}
        </>
      )}
    >
      {loaded?.error ? <Failure error={loaded.error} retry={loaded.error.status === 400 ? undefined : loaded.reload} /> : children}
    </Panel>
  )
}

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
