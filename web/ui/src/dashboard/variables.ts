// Template variables: "$env" in the queries and texts of a dashboard stands for
// tags that its reader chooses.
import type { Dashboard, Widget } from '../model'
import { asksMetricsQL } from './document'
import type { Board } from './edits'

export interface Variable {
  name: string
  prefix?: string | null // the tag key; without one, values are whole tags
  available_values?: string[] | null
  default?: string | null // as older documents have it
  defaults?: string[] | null
  type?: string
  [other: string]: unknown
}

// SavedView is a choice of values under a name.
export interface SavedView {
  name: string
  template_variables: { name: string; value?: string | null; values?: string[] | null }[]
}

// Values are the chosen ones of every variable; "*" is any.
export type Values = Record<string, string[]>

export const variablesOf = (d: Board): Variable[] => (d.template_variables as Variable[] | null | undefined) ?? []
export const viewsOf = (d: Board): SavedView[] => (d.template_variable_presets as SavedView[] | null | undefined) ?? []

export const defaultsOf = (v: Variable): string[] => (v.defaults?.length ? v.defaults : v.default ? [v.default] : ['*'])

const param = (name: string) => `tpl_var_${name}`

// chosenIn reads the values from a URL: tpl_var_env=prod, or tpl_var_env[0]=prod
// and on for several.
export function chosenIn(d: Board, params: URLSearchParams): Values {
  const out: Values = {}
  for (const v of variablesOf(d)) {
    const one = params.get(param(v.name))
    const several = [...params].filter(([key]) => key.startsWith(param(v.name) + '[')).map(([, value]) => value)
    out[v.name] = several.length ? several : one ? [one] : defaultsOf(v)
  }
  return out
}

// paramsFor is the URL's parameters for values; those that are the default stay
// out of it.
export function paramsFor(d: Board, values: Values, present: URLSearchParams): Record<string, string | null> {
  const out: Record<string, string | null> = {}
  for (const key of present.keys()) if (key.startsWith('tpl_var_')) out[key] = null
  for (const v of variablesOf(d)) {
    const chosen = values[v.name] ?? ['*']
    if (same(chosen, defaultsOf(v))) continue
    if (chosen.length === 1) out[param(v.name)] = chosen[0]
    else chosen.forEach((value, i) => (out[`${param(v.name)}[${i}]`] = value))
  }
  return out
}

const same = (a: string[], b: string[]) => a.length === b.length && a.every((v) => b.includes(v))

// valuesOfView is what a saved view chooses, and the default for what it leaves
// out.
export function valuesOfView(d: Board, view: SavedView): Values {
  const out: Values = {}
  for (const v of variablesOf(d)) {
    const saved = view.template_variables.find((t) => t.name === v.name)
    out[v.name] = saved?.values?.length ? saved.values : saved?.value ? [saved.value] : defaultsOf(v)
  }
  return out
}

export const viewOf = (name: string, values: Values): SavedView => ({ name, template_variables: Object.entries(values).map(([variable, chosen]) => ({ name: variable, values: chosen })) })

// currentView is the saved view that the values are.
export const currentView = (d: Board, values: Values): SavedView | undefined =>
  viewsOf(d).find((view) => Object.entries(valuesOfView(d, view)).every(([name, chosen]) => same(chosen, values[name] ?? [])))

// filledText puts the values into a text: "$env" is a tag or one of several,
// "$env.value" what follows the colon.
export function filledText(text: string, variables: Variable[], values: Values): string {
  if (!text.includes('$')) return text
  const byName = new Map(variables.map((v) => [v.name, v]))
  return text.replace(/([\w./-]+:)?(!|NOT\s+)?\$([A-Za-z_][\w-]*)(\.value)?/g, (whole, key: string | undefined, not: string | undefined, name: string, value?: string) => {
    const found = nearest(byName, name)
    if (!found) return whole
    const rest = name.slice(found.name.length) + (name === found.name ? '' : (value ?? ''))
    const ofValue = name === found.name && value !== undefined
    const chosen = values[found.name] ?? ['*']
    const before = key ?? ''
    const denied = not ? not : ''
    if (ofValue || found.type === 'group') {
      if (chosen.length > 1 && key) return `${key.slice(0, -1)} ${denied ? 'NOT ' : ''}IN (${chosen.join(', ')})${rest}`
      return before + denied + chosen.join(', ') + rest
    }
    if (chosen.includes('*')) return before + denied + '*' + rest
    const tags = chosen.map((v) => (found.prefix ? `${found.prefix}:${v}` : v))
    if (tags.length === 1) return before + denied + tags[0] + rest
    if (found.prefix && !chosen.some((v) => v.includes('*'))) return `${before}${found.prefix} ${denied ? 'NOT ' : ''}IN (${chosen.join(', ')})${rest}`
    return `${before}${denied ? 'NOT ' : ''}(${tags.join(' OR ')})${rest}`
  })
}

// filledMetricsQL puts the values into a query of MetricsQL, where "$env" and
// "$env.value" are the value itself. In the text of =~ and !~ "*" is any and
// several values are one of them.
export function filledMetricsQL(query: string, variables: Variable[], values: Values): string {
  const byName = new Map(variables.map((v) => [v.name, v]))
  const put = (text: string, shown: (chosen: string[]) => string) => text.replace(/\$([A-Za-z_][\w-]*)(\.value)?/g, (whole, name: string, value = '') => {
    const found = nearest(byName, name)
    if (!found) return whole
    return shown(values[found.name] ?? ['*']) + (found.name === name ? '' : name.slice(found.name.length) + value)
  })
  const pattern = (chosen: string[]) => {
    const parts = chosen.map((v) => v.split('*').map((t) => t.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*'))
    return parts.length === 1 ? parts[0] : `(${parts.join('|')})`
  }
  return query.replace(/([=!]~\s*)?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|[^"'`=!]+|[^]/g, (whole, matches: string | undefined, text?: string) => {
    if (text === undefined) return put(whole, (chosen) => chosen.join(', '))
    const within = text[0] === '`' ? (t: string) => t : (t: string) => t.replace(/["'\\]/g, '\\$&')
    return (matches ?? '') + put(text, (chosen) => within(matches ? pattern(chosen) : chosen.join(', ')))
  })
}

// nearest finds the variable that the text names: names may hold dashes, and a
// dash may follow one.
function nearest(byName: Map<string, Variable>, text: string): Variable | undefined {
  for (let end = text.length; end > 0; end = text.lastIndexOf('-', end - 1)) {
    const found = byName.get(text.slice(0, end))
    if (found) return found
  }
  return undefined
}

// filled is a widget with the values in all of its texts.
export function filled(widget: Widget, variables: Variable[], values: Values): Widget {
  if (variables.length === 0) return widget
  const definition = deep(widget.definition, (text) => filledText(text, variables, values))
  const { requests } = widget.definition
  // A query in MetricsQL is filled in its own way.
  if (Array.isArray(requests)) {
    definition.requests = definition.requests!.map((r, i) => !asksMetricsQL(requests[i]) ? r : {
      ...r, queries: requests[i].queries!.map((q) => ({ ...q, query: filledMetricsQL(q.query ?? '', variables, values) })),
    })
  }
  return { ...widget, definition }
}

function deep<T>(node: T, change: (text: string) => string): T {
  if (typeof node === 'string') return change(node) as T
  if (Array.isArray(node)) return node.map((n) => deep(n, change)) as T
  if (node && typeof node === 'object') return Object.fromEntries(Object.entries(node).map(([k, v]) => [k, deep(v, change)])) as T
  return node
}

// withVariables changes a dashboard's variables; renamed ones are renamed in its
// widgets and saved views too.
export function withVariables(d: Board, variables: Variable[], renamed: Record<string, string>): Board {
  const names = Object.entries(renamed).filter(([from, to]) => from !== to)
  const change = (text: string) => names.reduce((t, [from, to]) => t.replace(new RegExp(`\\$${from.replace(/[^\w]/g, '\\$&')}(?![\\w-])`, 'g'), () => `$${to}`), text)
  const kept = new Set(variables.map((v) => v.name))
  const views = viewsOf(d).map((view) => ({
    ...view,
    template_variables: view.template_variables.map((t) => ({ ...t, name: renamed[t.name] ?? t.name })).filter((t) => kept.has(t.name)),
  }))
  return {
    ...d,
    template_variables: variables as Dashboard['template_variables'],
    ...(viewsOf(d).length ? { template_variable_presets: views } : {}),
    widgets: names.length ? deep(d.widgets ?? [], change) : d.widgets,
  }
}
