// Completion for the Datadog query language: what may stand at the caret.

export interface Context {
  kind: 'start' | 'metric' | 'tag' | 'group' | 'method' | 'none'
  word: string // what has been typed of it
  start: number // where it begins
  metric?: string // whose tags are wanted
}

export const aggregators = ['avg', 'sum', 'min', 'max', 'count', 'p50', 'p75', 'p90', 'p95', 'p99']
export const functions = [
  'abs', 'log2', 'log10', 'cumsum', 'integral', 'default_zero', 'exclude_null', 'clamp_min', 'clamp_max', 'cutoff_min', 'cutoff_max',
  'per_second', 'per_minute', 'per_hour', 'dt', 'diff', 'derivative', 'monotonic_diff', 'ewma_5', 'median_5', 'moving_rollup',
  'top', 'top5', 'top10', 'bottom5', 'timeshift', 'hour_before', 'day_before', 'week_before', 'count_nonzero', 'count_not_null', 'anomalies',
]
export const methods = ['rollup(sum, 3600)', 'as_count()', 'as_rate()', 'fill(zero)', 'fill(null)', 'fill(last)']

// contextAt says what stands before the caret.
export function contextAt(text: string, caret: number): Context {
  const before = text.slice(0, caret)
  const open = Math.max(before.lastIndexOf('{'), 0)
  if (before.includes('{') && before.lastIndexOf('}') < open) {
    const inside = before.slice(open + 1)
    const word = /[^,\s(!]*$/.exec(inside)![0]
    const metric = /([A-Za-z][\w.]*)\s*(?:\{[^}]*\}\s*by\s*)?$/.exec(before.slice(0, open))?.[1]
    const group = /\bby\s*$/.test(before.slice(0, open))
    const named = group ? /:([\w.]+)\{[^}]*\}\s*by\s*$/.exec(before.slice(0, open))?.[1] : metric
    return { kind: group ? 'group' : 'tag', word, start: caret - word.length, metric: named }
  }
  const method = /\}\.(\w*)$/.exec(before)
  if (method) return { kind: 'method', word: method[1], start: caret - method[1].length }
  const metric = /\b(?:avg|sum|min|max|count|p\d+):([\w.]*)$/.exec(before)
  if (metric) return { kind: 'metric', word: metric[1], start: caret - metric[1].length }
  const start = /(?:^|[\s(,+\-*/])([A-Za-z]\w*)?$/.exec(before)
  if (start) return { kind: 'start', word: start[1] ?? '', start: caret - (start[1] ?? '').length }
  return { kind: 'none', word: '', start: caret }
}

// matching keeps the candidates that contain the word, those that begin with it first.
export function matching(candidates: string[], word: string, most = 12): string[] {
  const w = word.toLowerCase()
  return candidates
    .filter((c) => c.toLowerCase().includes(w) && c !== word)
    .sort((a, b) => a.toLowerCase().indexOf(w) - b.toLowerCase().indexOf(w) || a.localeCompare(b))
    .slice(0, most)
}
