// How a query was carried out, as a table: what each part read, and how long it
// took with the parts inside it.
import { api } from '../api'
import type { Lang } from '../model'
import { useData } from '../data'
import { Failure, Panel } from '../parts/basics'
import { useRange } from '../range'
import { showValue } from '../units'

export function Explain({ query, lang }: { query: string; lang: Lang }) {
  const range = useRange()
  const { data, error, loading, reload } = useData(JSON.stringify([query, lang, range.from, range.to]), () => api.explain(query, lang, range.from, range.to))
  if (error) return error.offset === undefined ? <Panel title="How it was computed"><Failure error={error} retry={reload} /></Panel> : null
  if (!data) return null
  return (
    <Panel title="How it was computed" flush loading={loading}>
      <div class="scroll">
        <table class="explain">
          <thead>
            <tr><th>Part</th><th>Read</th><th class="figure">Series</th><th class="figure">Samples</th><th class="figure">Rows</th><th class="figure">Time</th></tr>
          </thead>
          <tbody>
            {data.steps.map((s, i) => (
              <tr key={i}>
                <td class="mono"><span style={{ paddingLeft: `${16 * (s.depth - 1)}px` }}>{s.what}</span></td>
                <td>{readOf(s.how, s.tier)}</td>
                <td class="figure">{s.how ? showValue(s.series) : ''}</td>
                <td class="figure">{s.how ? showValue(s.samples) : ''}</td>
                <td class="figure">{showValue(s.rows)}</td>
                <td class="figure">{showValue(s.seconds, 'second')}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr><td>In all</td><td /><td class="figure">{showValue(data.series)}</td><td class="figure">{showValue(data.samples)}</td><td /><td class="figure">{showValue(data.seconds, 'second')}</td></tr>
          </tfoot>
        </table>
      </div>
    </Panel>
  )
}

// readOf says where a part has its values from.
function readOf(how = '', tier?: string): string {
  const cached = how.startsWith('cache and ')
  const words: Record<string, string> = { samples: 'samples', buckets: 'sums of blocks', 'last values': 'newest values' }
  let read = words[cached ? how.slice(10) : how] ?? how
  if (tier) read += `, ${tier === '1h' ? 'hourly' : '5-minute'} aggregates`
  return cached ? `remembered; of the newest steps ${read}` : read
}
