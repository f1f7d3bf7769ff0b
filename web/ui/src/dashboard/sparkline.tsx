// A line without axes, behind a figure or in a cell.
import { useId } from 'preact/hooks'
import type { Values } from '../chart/lines'

export function Sparkline({ values, bars, color = 'var(--accent)' }: { values: Values; bars?: boolean; color?: string }) {
  const id = useId()
  const present = values.filter((v): v is number => typeof v === 'number')
  if (present.length === 0) return null
  const low = bars ? Math.min(0, ...present) : Math.min(...present)
  const high = Math.max(...present, bars ? 0 : -Infinity)
  const y = (v: number) => (high > low ? 96 - ((v - low) / (high - low)) * 90 : 50)
  const x = (i: number) => (values.length > 1 ? (i / (values.length - 1)) * 300 : 150)
  if (bars) {
    const width = 300 / values.length
    return (
      <svg class="sparkline" viewBox="0 0 300 100" preserveAspectRatio="none" aria-hidden="true">
        {values.map((v, i) => typeof v === 'number' && <rect key={i} x={i * width} width={Math.max(0.5, width - 0.5)} y={Math.min(y(v), y(0))} height={Math.abs(y(0) - y(v))} fill={color} opacity="0.35" />)}
      </svg>
    )
  }
  // Each run of values is a part of its own: gaps stay gaps.
  const runs: [number, number][][] = []
  values.forEach((v, i) => {
    if (typeof v !== 'number') return
    if (i === 0 || typeof values[i - 1] !== 'number') runs.push([])
    runs[runs.length - 1].push([x(i), y(v)])
  })
  const line = (run: [number, number][]) => 'M' + run.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join('L')
  return (
    <svg class="sparkline" viewBox="0 0 300 100" preserveAspectRatio="none" aria-hidden="true">
      <defs><linearGradient id={id} x1="0" x2="0" y1="0" y2="1"><stop offset="0" stop-color={color} stop-opacity="0.3" /><stop offset="1" stop-color={color} stop-opacity="0.04" /></linearGradient></defs>
      {runs.map((run, i) => (
        <g key={i}>
          <path d={`${line(run)}L${run[run.length - 1][0].toFixed(1)},100L${run[0][0].toFixed(1)},100Z`} fill={`url(#${id})`} />
          <path d={line(run)} fill="none" stroke={color} stroke-width="1.5" vector-effect="non-scaling-stroke" />
        </g>
      ))}
    </svg>
  )
}
