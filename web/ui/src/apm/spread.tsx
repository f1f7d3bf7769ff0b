// How durations are spread: a bar for each step of a logarithmic scale. A bar
// leads to the traces in it.
import type { Span } from '../model'
import { plural } from '../units'
import { millis, tracesLink } from './parts'

const bars = 24

export function Spread({ spans, search }: { spans: Span[]; search: string }) {
  const durations = spans.map((s) => Math.max(s.duration, 1e-4))
  const low = Math.log(Math.min(...durations))
  const width = Math.max((Math.log(Math.max(...durations)) - low) / bars, 1e-9)
  const counts = new Array(bars).fill(0)
  for (const d of durations) counts[Math.min(bars - 1, Math.floor((Math.log(d) - low) / width))]++
  const most = Math.max(...counts)
  const edge = (i: number) => Math.exp(low + i * width)
  return (
    <figure class="spread" aria-label="Latency distribution">
      <div class="spread-bars">
        {counts.map((n, i) => (
          <a
            key={i}
            href={tracesLink(`${search} @duration:[${Math.floor(edge(i) * 1e6)} TO ${Math.ceil(edge(i + 1) * 1e6)}]`, 'slowest')}
            class={n ? '' : 'none'}
            style={{ height: `${n ? 6 + (94 * n) / most : 0}%` }}
            title={`${plural(n, 'trace')} of ${millis(edge(i))} to ${millis(edge(i + 1))}`}
            aria-label={`${plural(n, 'trace')} of ${millis(edge(i))} to ${millis(edge(i + 1))}`}
          />
        ))}
      </div>
      <figcaption>
        {[0, bars / 4, bars / 2, (3 * bars) / 4, bars].map((i) => <span key={i}>{millis(edge(i))}</span>)}
      </figcaption>
    </figure>
  )
}
