// Numbers with their units, as people read them.

const si: [number, string][] = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']]
const iec: [number, string][] = [[2 ** 40, 'TiB'], [2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB']]
const inSeconds: Record<string, number> = { nanosecond: 1e-9, microsecond: 1e-6, millisecond: 1e-3, second: 1, minute: 60, hour: 3600 }

function digits(v: number): string {
  const size = Math.abs(v)
  if (size === 0) return '0'
  if (size < 0.01) return v.toPrecision(2)
  return String(Number(v.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)))
}

// showNumber is "12.4 k", "1.5 GiB", "38 %", "120 ms".
export function showNumber(v: number | null | undefined, unit = ''): string {
  if (v === null || v === undefined || Number.isNaN(v)) return '–'
  const size = Math.abs(v)
  if (unit === 'byte' || unit === 'bytes') {
    for (const [factor, name] of iec) if (size >= factor) return `${digits(v / factor)} ${name}`
    return `${digits(v)} B`
  }
  if (unit in inSeconds) {
    const s = v * inSeconds[unit]
    const absolute = Math.abs(s)
    if (absolute === 0) return '0 s'
    if (absolute < 1e-6) return `${digits(s * 1e9)} ns`
    if (absolute < 1e-3) return `${digits(s * 1e6)} µs`
    if (absolute < 1) return `${digits(s * 1e3)} ms`
    if (absolute < 120) return `${digits(s)} s`
    if (absolute < 7200) return `${digits(s / 60)} min`
    return `${digits(s / 3600)} h`
  }
  if (unit === 'percent') return `${digits(v)} %`
  if (unit === 'fraction') return `${digits(v * 100)} %`
  let text = digits(v)
  for (const [factor, name] of si) {
    if (size >= factor) {
      text = `${digits(v / factor)} ${name}`
      break
    }
  }
  return unit ? `${text} ${unit}` : text
}
