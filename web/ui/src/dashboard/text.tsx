// Words on a dashboard: notes in Markdown, and free text.
import { useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api'
import { useData } from '../data'
import { Panel } from '../parts/basics'
import { Scrolls, type WidgetProps } from './widget-panel'

// Notes may have one of these behind them, or a colour as #rrggbb.
const grounds: Record<string, string> = {
  blue: '--accent', green: '--ok', orange: '--warn', yellow: '--warn', pink: '--alert', red: '--alert', purple: '--accent', gray: '--muted', grey: '--muted',
}

export function noteGround(color: string | undefined): string | undefined {
  if (!color || color === 'white' || color === 'transparent') return undefined
  if (grounds[color]) return `color-mix(in srgb, var(${grounds[color]}) 14%, var(--panel))`
  return /^#[0-9a-f]{3,8}$/i.test(color) ? `color-mix(in srgb, ${color} 30%, var(--panel))` : undefined
}

const sizeOf = (size: string | number | undefined, absent: number) => {
  const n = Number(size)
  return n >= 6 && n <= 200 ? n : absent
}

export function Note({ definition: d, tools }: WidgetProps) {
  const text = String(d.content ?? '')
  const page = useData(text ? `note ${text}` : null, () => api.markdown(text))
  const tick = d.show_tick ? `ticked ${d.tick_edge ?? 'left'} ${(d.tick_pos ?? '50%').replace(/\D/g, '') === '0' ? 'from-start' : (d.tick_pos ?? '').startsWith('100') ? 'from-end' : ''}` : ''
  const ground = noteGround(d.background_color)
  return (
    <div class={`note-widget ${tick}`} style={{ '--ground': ground ?? 'var(--panel)' }}>
      <Panel actions={tools}>
        {page.error ? <p class="note-text">{text}</p> : (
          // The server has cleaned it: Markdown in, and nothing that runs out.
          <div
            class={`note ${d.vertical_align ?? 'top'} ${d.has_padding === false ? 'tight' : ''}`}
            style={{ fontSize: `${sizeOf(d.font_size, 14)}px`, textAlign: (d.text_align ?? 'left') as 'left' }}
            dangerouslySetInnerHTML={{ __html: page.data ?? '' }}
          />
        )}
        <Scrolls />
      </Panel>
    </div>
  )
}

// FreeText is as large as its widget, unless it has a size.
export function FreeText({ definition: d, tools }: WidgetProps) {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const resize = new ResizeObserver(() => setWidth(box.current?.clientWidth ?? 0))
    resize.observe(box.current!)
    return () => resize.disconnect()
  }, [])
  const text = String(d.text ?? '')
  const fitting = Math.max(14, Math.min(72, (width / Math.max(1, text.length)) * 1.7))
  const color = /^(#[0-9a-f]{3,8}|[a-z]+)$/i.test(d.color ?? '') && d.color !== '#4d4d4d' ? d.color : undefined
  return (
    <div class="free-text">
      {tools && <div class="free-tools">{tools}</div>}
      <div ref={box} style={{ color, textAlign: (d.text_align ?? 'left') as 'left', fontSize: `${sizeOf(d.font_size, fitting)}px` }}>{text}</div>
    </div>
  )
}
