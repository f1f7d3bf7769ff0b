// The period before, drawn over the present one.
import type { Frame } from '../model'
import type { Line } from './lines'

// moved puts a frame's moments later by ms, on to the grid that it had.
export function moved(frame: Frame, ms: number): Frame {
  const { start, end, step } = frame.grid
  const by = step > 0 ? Math.round(ms / step) * step : ms
  return { ...frame, grid: { start: start + by, end: end + by, step }, rows: frame.rows.map((r) => ({ ...r, band: undefined, outlier: false })) }
}

interface Drawing { times: number[]; lines: Line[] }

// withBefore joins the lines of now and of before: those of before are dashed and
// have the colour of the line that they compare with.
export function withBefore(now: Drawing, before: Drawing): Drawing {
  const times = [...new Set([...now.times, ...before.times])].sort((a, b) => a - b)
  const on = ({ times: own }: Drawing) => {
    const place = new Map(own.map((t, i) => [t, i]))
    return (line: Line): Line => {
      const spread = <T,>(values: T[]) => times.map((t) => values[place.get(t) ?? -1])
      const { band } = line
      return { ...line, values: spread(line.values), band: band && { ...band, lower: spread(band.lower), middle: spread(band.middle), upper: spread(band.upper), anomalous: spread(band.anomalous).map(Boolean) } }
    }
  }
  const old = before.lines.map(on(before)).map((line): Line => {
    const same = now.lines.find((l) => l.label === line.label)
    return { ...line, label: `${line.label} · before`, color: same?.color ?? line.color, style: 'line', width: 1, dash: [3, 3] }
  })
  return { times, lines: [...now.lines.map(on(now)), ...old] }
}
