import { api } from '../api'
import { Page } from '../app'
import { useData, useRange } from '../hooks'
import { Failure, Panel, QueryGraph, TimeControl } from '../parts'

export function MetricPage({ name }: { name: string }) {
  const control = useRange()
  const { range } = control
  const loaded = useData(() => api.metric(name, range.from, range.to), [name, range.from, range.to])
  const m = loaded.data
  const query = `avg:${name}{*}`
  return (
    <Page title={name} bar={<><a class="button" href={`/metrics/explorer?q=${encodeURIComponent(query)}`}>Explore</a><TimeControl control={control} /></>}>
      <Panel title={query}><QueryGraph control={control} height={260} queries={[{ query }]} /></Panel>
      <Failure error={loaded.error} />
      {m && (
        <div class="columns">
          <Panel title="About">
            <dl class="facts">
              <dt>Type</dt><dd>{m.type || 'gauge'}</dd>
              <dt>Unit</dt><dd>{m.unit || 'none'}</dd>
              <dt>Interval seen</dt><dd>{m.observed_interval ? `${m.observed_interval} s` : 'not enough samples'}</dd>
              {m.interval ? <><dt>Interval announced</dt><dd>{m.interval} s</dd></> : null}
              <dt>Series</dt><dd>{m.series}</dd>
              <dt>Hosts</dt><dd>{m.hosts.length ? m.hosts.slice(0, 20).map((h) => <a class="tag" href={`/infrastructure/${encodeURIComponent(h)}`}>{h}</a>) : 'none'}</dd>
              {m.description && <><dt>Description</dt><dd>{m.description}</dd></>}
            </dl>
          </Panel>
          <Panel title="Tags">
            <table class="list">
              <thead><tr><th>Key</th><th>Values</th><th /></tr></thead>
              <tbody>
                {m.tags.map((t) => (
                  <tr>
                    <td><a href={`/metrics/explorer?q=${encodeURIComponent(`avg:${name}{*} by {${t.key}}`)}`}>{t.key}</a></td>
                    <td>{t.total}</td>
                    <td class="values">{t.values.slice(0, 8).join(', ')}{t.total > 8 ? ', …' : ''}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Panel>
        </div>
      )}
    </Page>
  )
}
