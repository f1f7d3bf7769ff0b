// A table of found spans; each leads to its trace.
import type { Span } from '../model'
import { link } from '../route'
import { showTime, zoneName } from '../time'
import { ServiceName, colorsOf, millis } from './parts'

export const spanLink = (s: Span) => link(`/apm/trace/${s.trace_id}`, { span: s.span_id })

const messageOf = (s: Span) => s.tags['error.message'] ?? s.tags['error.msg'] ?? s.tags['error.type']

export function SpanTable({ spans }: { spans: Span[] }) {
  const painted = colorsOf(spans.map((s) => s.service))
  const longest = Math.max(...spans.map((s) => s.duration), 1e-9)
  return (
    <div class="scroll">
      <table class="spans">
        <thead><tr><th>Time</th><th>Service</th><th>Resource</th><th class="figure">Duration</th><th>Status</th></tr></thead>
        <tbody>
          {spans.map((s) => (
            <tr key={s.trace_id + s.span_id}>
              <td class="nowrap"><time title={`${showTime(s.start, true)} ${zoneName()}`}>{showTime(s.start, true)}</time></td>
              <td class="nowrap"><ServiceName name={s.service} color={painted.get(s.service)} /></td>
              <td class="resource">
                <a href={spanLink(s)}>{s.resource}</a>
                <span class="muted"> {s.name}</span>
                {s.error && messageOf(s) !== undefined && <div class="error-text">{String(messageOf(s))}</div>}
              </td>
              <td class="figure">
                {millis(s.duration)}
                <span class="bar-of"><span style={{ width: `${(100 * s.duration) / longest}%`, background: painted.get(s.service) }} /></span>
              </td>
              <td class="nowrap">{s.error ? <span class="share alert"><span aria-hidden="true">✕</span> error</span> : <span class="muted">ok</span>}{s.tags['http.status_code'] !== undefined && <span class="muted"> {s.tags['http.status_code']}</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
