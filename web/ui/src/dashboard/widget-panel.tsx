// What all widgets have: a panel with a title, a time of their own, and links.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Failure, Panel } from '../parts/basics'
import type { Loaded } from '../data'
import { useRange } from '../range'
import { linksOf } from './custom-links'
import type { Definition, Variables } from './definition'
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
      <Scrolls />
    </Panel>
  )
}

// Scrolls lets the keyboard reach a panel's content where there is more of it than
// its place shows.
export function Scrolls() {
  const mark = useRef<HTMLSpanElement>(null)
  useEffect(() => {
    const box = mark.current!.parentElement!
    const look = () => {
      if (box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0
      else box.removeAttribute('tabindex')
    }
    look()
    const resize = new ResizeObserver(look)
    resize.observe(box)
    return () => resize.disconnect()
  })
  return <span ref={mark} hidden />
}
