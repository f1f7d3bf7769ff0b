// What could stand at the cursor of a query.
import type { Lang } from '../api'

export type Kind = 'metric' | 'tag' | 'key' | 'function' | 'method' | 'none'

export interface Context {
  kind: Kind
  from: number // the word that a suggestion replaces
  to: number
  word: string // its part before the cursor
  metric: string // whose tags are wanted
  aggregated: boolean // a metric after "avg:"
}

const wordPart = /[A-Za-z0-9_.\-/@]/
const tagPart = /[A-Za-z0-9_.\-/@:*]/

export function contextAt(text: string, cursor: number, lang: Lang): Context {
  const quote = openQuote(text, cursor)
  const brace = openBrace(text, cursor)
  if (brace >= 0) {
    const isGroup = /\bby\s*$/.test(text.slice(0, brace))
    const metric = metricBefore(text, isGroup ? text.lastIndexOf('}', brace) : brace)
    if (lang === 'metricsql') {
      if (quote) return word(text, cursor, tagPart, 'none', metric)
      return word(text, cursor, /[A-Za-z0-9_.]/, 'key', metric)
    }
    return word(text, cursor, isGroup ? wordPart : tagPart, isGroup ? 'key' : 'tag', metric)
  }
  if (quote) return word(text, cursor, wordPart, 'none', '')
  if (lang === 'metricsql') return word(text, cursor, /[A-Za-z0-9_.:]/, 'function', '')
  const method = /[})]\.([a-z_]*)$/.exec(text.slice(0, cursor))
  if (method) return { kind: 'method', from: cursor - method[1].length, to: endOf(text, cursor, /[a-z_]/), word: method[1], metric: '', aggregated: false }
  const w = word(text, cursor, wordPart, 'function', '')
  return text[w.from - 1] === ':' ? { ...w, kind: 'metric', aggregated: true } : w
}

function word(text: string, cursor: number, part: RegExp, kind: Kind, metric: string): Context {
  let from = cursor
  while (from > 0 && part.test(text[from - 1])) from--
  return { kind, from, to: endOf(text, cursor, part), word: text.slice(from, cursor), metric, aggregated: false }
}

function endOf(text: string, cursor: number, part: RegExp): number {
  let to = cursor
  while (to < text.length && part.test(text[to])) to++
  return to
}

function openBrace(text: string, cursor: number): number {
  const open = text.lastIndexOf('{', cursor - 1)
  return cursor > 0 && open >= 0 && text.lastIndexOf('}', cursor - 1) < open ? open : -1
}

function openQuote(text: string, cursor: number): boolean {
  let quote = ''
  for (const c of text.slice(0, cursor)) {
    if (quote) {
      if (c === quote) quote = ''
    } else if (c === '"' || c === "'") quote = c
  }
  return quote !== ''
}

// metricBefore is the name in front of the filter whose brace is at or before
// the place.
function metricBefore(text: string, place: number): string {
  if (text[place] === '}') place = text.lastIndexOf('{', place)
  return /([A-Za-z0-9_.\-/]+)\s*$/.exec(text.slice(0, place))?.[1] ?? ''
}

export interface Suggestion {
  text: string
  note: string
  insert: string
  caret: number // within insert
}

export interface Known {
  metrics: { name: string; type: string; unit?: string }[]
  tags: string[] // of the metric
  keys: string[]
}

const functions: [name: string, note: string][] = [
  ['anomalies', 'the band that its past lets expect'], ['forecast', 'how it goes on'], ['outliers', 'groups unlike the others'],
  ['trend_line', 'least-squares line'], ['robust_trend', 'line that spikes do not turn'], ['piecewise_constant', 'levels that hold for a while'], ['abs', 'without sign'], ['log2', ''], ['log10', ''], ['cumsum', 'sum so far'], ['integral', 'area so far'],
  ['default_zero', '0 where nothing is'], ['exclude_null', 'without groups that lack a tag'], ['clamp_min', 'not below'], ['clamp_max', 'not above'], ['cutoff_min', 'drop below'], ['cutoff_max', 'drop above'],
  ['per_second', 'rate'], ['per_minute', 'rate'], ['per_hour', 'rate'], ['dt', 'seconds between points'], ['diff', 'change'], ['derivative', 'change per second'], ['monotonic_diff', 'change of a counter'],
  ['ewma_3', 'smooth'], ['ewma_5', 'smooth'], ['ewma_7', 'smooth'], ['ewma_10', 'smooth'], ['ewma_20', 'smooth'], ['median_3', 'smooth'], ['median_5', 'smooth'], ['median_7', 'smooth'], ['median_9', 'smooth'],
  ['moving_rollup', 'over a moving window'], ['top', 'the greatest'], ['top5', ''], ['top10', ''], ['bottom5', ''], ['bottom10', ''], ['timeshift', 'another time'], ['hour_before', ''], ['day_before', ''], ['week_before', ''], ['month_before', ''],
  ['count_nonzero', ''], ['count_not_null', ''],
]
const metricsqlFunctions = ['rate', 'increase', 'irate', 'delta', 'deriv', 'avg_over_time', 'min_over_time', 'max_over_time', 'sum_over_time', 'count_over_time', 'last_over_time', 'quantile_over_time', 'sum', 'avg', 'min', 'max', 'count', 'topk', 'bottomk', 'quantile', 'histogram_quantile', 'abs', 'ceil', 'floor', 'round', 'clamp_min', 'clamp_max', 'label_replace']
const aggregators: [name: string, note: string][] = [['avg', 'mean over series'], ['sum', 'sum over series'], ['min', 'least'], ['max', 'greatest'], ['count', 'number of series'], ['p50', 'median of a distribution'], ['p95', 'of a distribution'], ['p99', 'of a distribution']]
const methods: [name: string, insert: string, note: string][] = [
  ['rollup', 'rollup(avg, 60)', 'points this far apart'], ['as_count', 'as_count()', 'counts, not rates'], ['as_rate', 'as_rate()', 'per second'], ['fill', 'fill(null)', 'what stands in gaps'],
]

const most = 12

export function suggest(context: Context, known: Known, lang: Lang): Suggestion[] {
  const typed = context.word.toLowerCase()
  const rank = (name: string) => {
    const at = name.toLowerCase().indexOf(typed)
    return at < 0 ? -1 : at === 0 ? 0 : /[._:]/.test(name[at - 1]) ? 1 : 2
  }
  const matching = <T,>(list: T[], name: (x: T) => string): T[] =>
    list
      .map((x) => ({ x, r: rank(name(x)) }))
      .filter(({ x, r }) => r >= 0 && name(x).toLowerCase() !== typed)
      .sort((a, b) => a.r - b.r || name(a.x).length - name(b.x).length || (name(a.x) < name(b.x) ? -1 : 1))
      .slice(0, most)
      .map(({ x }) => x)
  const plain = (text: string, note = ''): Suggestion => ({ text, note, insert: text, caret: text.length })

  switch (context.kind) {
    case 'metric':
      return matching(known.metrics, (m) => m.name).map((m) => metricTerm(m, ''))
    case 'tag':
      return matching(known.tags, (t) => t).map((t) => plain(t))
    case 'key':
      return matching(known.keys, (k) => k).map((k) => (lang === 'metricsql' ? { text: k, note: '', insert: `${k}=""`, caret: k.length + 2 } : plain(k)))
    case 'method':
      return matching(methods, (m) => m[0]).map(([text, insert, note]) => ({ text, note, insert, caret: insert.length }))
    case 'function': {
      if (lang === 'metricsql') {
        const names = matching(metricsqlFunctions, (f) => f).map((f): Suggestion => ({ text: f, note: 'function', insert: `${f}()`, caret: f.length + 1 }))
        const metrics = matching(known.metrics, (m) => m.name).map((m) => ({ ...plain(m.name, m.type), insert: metricsqlName(m.name), caret: metricsqlName(m.name).length }))
        return [...names.slice(0, typed ? 4 : 2), ...metrics].slice(0, most)
      }
      const spaces = matching(aggregators, (a) => a[0]).map(([text, note]): Suggestion => ({ text: text + ':', note, insert: text + ':', caret: text.length + 1 }))
      const calls = typed ? matching(functions, (f) => f[0]).map(functionCall) : [functionCall(functions[0])]
      const metrics = matching(known.metrics, (m) => m.name).map((m) => metricTerm(m, m.type === 'count' || m.type === 'rate' ? 'sum:' : 'avg:'))
      return [...spaces.slice(0, typed ? 4 : 3), ...calls.slice(0, 4), ...metrics].slice(0, most)
    }
    default:
      return []
  }
}

// metricTerm is a metric with its filter; counts are shown as counts.
function metricTerm(m: { name: string; type: string; unit?: string }, aggregator: string): Suggestion {
  const counted = m.type === 'count' || m.type === 'rate' ? '.as_count()' : ''
  const head = `${aggregator}${m.name}{*}`
  return { text: m.name, note: [m.type, m.unit].filter(Boolean).join(' · '), insert: head + counted, caret: head.length - 1 }
}

function functionCall([name, note]: [string, string]): Suggestion {
  const insert = { anomalies: "anomalies(, 'basic', 2)", forecast: "forecast(, 'linear', 2)", outliers: "outliers(, 'DBSCAN', 3)" }[name] ?? `${name}()`
  return { text: `${name}()`, note, insert, caret: name.length + 1 }
}

const metricsqlName = (name: string) => (/^[A-Za-z_:][A-Za-z0-9_:]*$/.test(name) ? name : `{__name__="${name}"}`)

// apply puts a suggestion into the text.
export function apply(text: string, context: Context, s: Suggestion): { text: string; cursor: number } {
  let { insert, caret } = s
  const rest = text.slice(context.to)
  if (context.kind === 'metric' && rest.startsWith('{')) {
    insert = s.text
    caret = insert.length
  }
  if (rest.startsWith(':') && insert.endsWith(':')) insert = insert.slice(0, -1)
  if (rest.startsWith('(') && insert.endsWith('()')) insert = insert.slice(0, -2)
  return { text: text.slice(0, context.from) + insert + rest, cursor: context.from + caret }
}
