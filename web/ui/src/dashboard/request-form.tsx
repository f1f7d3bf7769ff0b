// The queries and formulas of a request, and how they are drawn.
import { useState } from 'preact/hooks'
import { Button } from '../parts/basics'
import type { CellFormula, Request } from './definition'
import { metricsQLTypes } from './document'
import { Formats, QueryField } from './form-parts'
import { languages } from '../query/languages'
import { inLanguage, languageOf, partOf, requestOf, usualAggregator, withoutQuery, withQuery, type Part } from './part'

const aggregators = ['avg', 'sum', 'min', 'max', 'last']
const displays = [['line', 'Lines'], ['area', 'Areas'], ['bars', 'Bars']]
const palettes = [['dog_classic', 'each its own'], ['cool', 'cool'], ['warm', 'warm'], ['purple', 'purple'], ['orange', 'orange'], ['gray', 'grey'], ['red', 'red'], ['green', 'green'], ['blue', 'blue']]

function Select({ label, value, options, onChange }: { label: string; value: string; options: string[][]; onChange: (v: string) => void }) {
  return (
    <select class="mini" aria-label={label} title={label} value={value} onChange={(e) => onChange(e.currentTarget.value)}>
      {!options.some(([v]) => v === value) && <option value={value}>{value}</option>}
      {options.map(([v, name]) => <option key={v} value={v}>{name ?? v}</option>)}
    </select>
  )
}

// RequestForm edits a request in either form; once changed, it has the newer.
export function RequestForm({ request, type, format, onChange, onRemove }: {
  request: Request
  type: string // of the widget
  format: 'timeseries' | 'scalar'
  onChange: (r: Request) => void
  onRemove?: () => void
}) {
  // The part is kept here: a request drops what is empty, the form does not.
  const [part, setPart] = useState(() => partOf(request))
  const put = (next: Part) => {
    setPart(next)
    onChange(requestOf(next, format))
  }
  const rest = (change: Partial<Request>) => put({ ...part, rest: { ...part.rest, ...change } })
  const style = (part.rest.style ?? {}) as Record<string, string>
  const formula = (i: number, change: Partial<CellFormula>) => put({ ...part, formulas: part.formulas.map((f, k) => (k === i ? { ...f, ...change } : f)) })
  const single = type === 'query_value' || type === 'toplist'
  const lang = languageOf(part)
  const plain = part.queries.length === 1 && part.formulas.length === 1 && part.formulas[0].formula === part.queries[0].name
  return (
    <div class="request-form">
      {part.queries.map((q, i) => (
        <div key={q.name} class="query-row">
          {!plain && <span class="query-name mono">{q.name}</span>}
          <QueryField value={q.query} lang={lang} label={`Query ${q.name}`} onCommit={(query) => put({ ...part, queries: part.queries.map((old, k) => (k === i ? { ...old, query } : old)) })} />
          {format === 'scalar' && <Select label="Over the time range" value={q.aggregator ?? usualAggregator(q.data_source)} options={aggregators.map((a) => [a])} onChange={(aggregator) => put({ ...part, queries: part.queries.map((old, k) => (k === i ? { ...old, aggregator } : old)) })} />}
          {part.queries.length > 1 && <Button bare kind="quiet" icon="remove" label={`Remove query ${q.name}`} onClick={() => put(withoutQuery(part, i))} />}
        </div>
      ))}
      {part.formulas.map((f, i) => (
        <div key={i} class="formula-row">
          {!plain && lang === 'metricsql' && <span class="query-name mono">{f.formula}</span>}
          {!plain && lang === 'datadog' && <input class="mono formula" aria-label="Formula" value={f.formula} placeholder="a / b * 100" onInput={(e) => formula(i, { formula: e.currentTarget.value })} />}
          <input class="formula" aria-label="Shown as" value={f.alias ?? ''} placeholder="shown as" onInput={(e) => formula(i, { alias: e.currentTarget.value || undefined })} />
          {(type === 'toplist' || type === 'timeseries' || type === 'query_table') && (
            <span class="inline small">
              <span class="muted">at most</span>
              <input class="mini count" type="number" min="1" aria-label="At most so many groups" value={f.limit?.count ?? ''} placeholder="all" onInput={(e) => formula(i, { limit: Number(e.currentTarget.value) > 0 ? { ...f.limit, count: Number(e.currentTarget.value), order: f.limit?.order ?? 'desc' } : undefined })} />
              {f.limit && <Select label="Which" value={f.limit.order ?? 'desc'} options={[['desc', 'largest'], ['asc', 'smallest']]} onChange={(order) => formula(i, { limit: { ...f.limit, order } })} />}
            </span>
          )}
          {type === 'query_table' && <Select label="Shown as" value={f.cell_display_mode ?? 'number'} options={[['number', 'figure'], ['bar', 'bar'], ['trend', 'trend']]} onChange={(mode) => formula(i, { cell_display_mode: mode })} />}
          {format === 'scalar' && <Formats formats={f.conditional_formats} onChange={(conditional_formats) => formula(i, { conditional_formats })} />}
          {part.formulas.length > 1 && <Button bare kind="quiet" icon="remove" label="Remove formula" onClick={() => put({ ...part, formulas: part.formulas.filter((_, k) => k !== i) })} />}
        </div>
      ))}
      <div class="actions">
        {metricsQLTypes.includes(type) && (
          <div class="segments" role="group" aria-label="Query language">
            {languages.map(([l, name]) => <button key={l} type="button" aria-pressed={l === lang} onClick={() => put(inLanguage(part, l, single))}>{name}</button>)}
          </div>
        )}
        {!(single && lang === 'metricsql') && <Button icon="plus" kind="quiet" label="Query" onClick={() => put(withQuery(part, single))} />}
        {!single && lang === 'datadog' && <Button icon="plus" kind="quiet" label="Formula" onClick={() => put({ ...part, formulas: [...part.formulas, { formula: part.queries.map((q) => q.name).join(' + ') }] })} />}
        {type === 'timeseries' && (
          <>
            <div class="segments" role="group" aria-label="Drawn as">
              {displays.map(([d, name]) => <button key={d} type="button" aria-pressed={(part.rest.display_type ?? 'line') === d} onClick={() => rest({ display_type: d })}>{name}</button>)}
            </div>
            <Select label="Colours" value={style.palette ?? 'dog_classic'} options={palettes} onChange={(palette) => rest({ style: { ...style, palette } })} />
            {(part.rest.display_type ?? 'line') === 'line' && (
              <>
                <Select label="Line" value={style.line_type ?? 'solid'} options={[['solid', 'solid'], ['dashed', 'dashed'], ['dotted', 'dotted']]} onChange={(line_type) => rest({ style: { ...style, line_type } as Request['style'] })} />
                <Select label="Width" value={style.line_width ?? 'normal'} options={[['thin', 'thin'], ['normal', 'normal'], ['thick', 'thick']]} onChange={(line_width) => rest({ style: { ...style, line_width } as Request['style'] })} />
              </>
            )}
            <label class="tick"><input type="checkbox" checked={part.rest.on_right_yaxis === true} onChange={(e) => rest({ on_right_yaxis: e.currentTarget.checked })} /> right axis</label>
          </>
        )}
        {type === 'toplist' && <Select label="Colours" value={style.palette ?? 'dog_classic'} options={palettes} onChange={(palette) => rest({ style: { ...style, palette } })} />}
        {onRemove && <Button icon="remove" kind="quiet" label="Remove" onClick={onRemove} />}
      </div>
    </div>
  )
}
