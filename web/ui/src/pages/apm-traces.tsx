// Search over the spans that are kept, live.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api'
import type { SpanOrder } from '../model'
import { SpanTable } from '../apm/span-table'
import { apmTabs, keyOf } from '../apm/parts'
import { useData } from '../data'
import { Button, Empty, Failure, Panel } from '../parts/basics'
import { Page } from '../parts/frame'
import { useRange } from '../range'
import { setParams } from '../route'
import { plural } from '../units'

const orders: [SpanOrder, string][] = [['newest', 'Newest'], ['slowest', 'Slowest'], ['oldest', 'Oldest']]

export function ApmTraces({ params }: { params: URLSearchParams }) {
  const range = useRange()
  const query = params.get('query') ?? ''
  const sort = (orders.find(([o]) => o === params.get('sort')) ?? orders[0])[0]
  const limit = Math.min(500, Number(params.get('limit')) || 100)
  const loaded = useData(`spans ${query} ${sort} ${limit} ${keyOf(range)}`, () => api.spans(query, range.from, range.to, sort, limit), range.live ? 5e3 : 0)
  const [text, setText] = useState(query)
  useEffect(() => setText(query), [query])
  const submit = (e: Event) => {
    e.preventDefault()
    setParams({ query: text.trim() || null })
  }
  const wrong = loaded.error?.status === 400
  return (
    <Page title="APM" tabs={apmTabs('traces')} time>
      <Panel label="Search">
        <form class="explorer-tools" onSubmit={submit}>
          <div class="query">
            <input class="mono" data-search value={text} aria-label="Search spans" aria-invalid={wrong} placeholder="service:shop-web status:error @duration:>100ms" onInput={(e) => setText(e.currentTarget.value)} />
            {wrong ? <p class="query-error" role="alert">{loaded.error!.message}</p> : <Examples query={query} />}
          </div>
          <div class="segments" role="group" aria-label="Order">
            {orders.map(([o, label]) => (
              <button key={o} type="button" aria-pressed={o === sort} onClick={() => setParams({ sort: o === 'newest' ? null : o })}>{label}</button>
            ))}
          </div>
          <Button type="submit" kind="primary" icon="search" label="Search" />
        </form>
      </Panel>
      {loaded.error && !wrong && !loaded.data && <Failure error={loaded.error} retry={loaded.reload} />}
      {loaded.data && !wrong && (
        <Panel flush loading={loaded.loading} title={<span>{loaded.data.more ? `First ${plural(loaded.data.spans.length, 'span')}` : plural(loaded.data.spans.length, 'span')}{range.live && <span class="muted"> · live</span>}</span>}>
          {loaded.data.spans.length > 0 ? <SpanTable spans={loaded.data.spans} /> : <Empty title="No span matches in this time range">Look further back, or take a term out of the search.</Empty>}
          {loaded.data.more && limit < 500 && <p class="note-line"><button type="button" class="link" onClick={() => setParams({ limit: String(limit + 200) }, true)}>Show more</button></p>}
          {loaded.data.warnings.map((w) => <p key={w} class="note-line warn-text">{w}</p>)}
        </Panel>
      )}
    </Page>
  )
}

const examples = ['status:error', '@duration:>1s', '@http.status_code:>=500', '@span.kind:server', 'resource_name:GET*']

// Examples are terms to add to a search.
function Examples({ query }: { query: string }) {
  return (
    <p class="field-hint hints-line">
      Fields: service, env, operation_name, resource_name, type, host, status, @duration, @tag. Add{' '}
      {examples.map((term) => (
        <button key={term} type="button" class="tag" onClick={() => setParams({ query: `${query} ${term}`.trim() })}>{term}</button>
      ))}
    </p>
  )
}
