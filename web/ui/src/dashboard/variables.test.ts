import { expect, test } from 'vitest'
import type { Board } from './edits'
import { chosenIn, currentView, filled, filledMetricsQL, filledText, paramsFor, valuesOfView, variablesOf, viewOf, withVariables, type Variable } from './variables'

const env: Variable = { name: 'env', prefix: 'env', defaults: ['prod'] }
const host: Variable = { name: 'host', prefix: 'host' }
const scope: Variable = { name: 'scope' }
const board = { title: 'd', layout_type: 'ordered', widgets: [], template_variables: [env, host, scope] } as Board

test.each<[string, Record<string, string[]>, string]>([
  ['avg:m{$env,$host}', { env: ['prod'], host: ['*'] }, 'avg:m{env:prod,*}'],
  ['avg:m{$env}', { env: ['prod', 'test'] }, 'avg:m{env IN (prod, test)}'],
  ['avg:m{$env}', { env: ['prod-*', 'test'] }, 'avg:m{(env:prod-* OR env:test)}'],
  ['avg:m{!$env}', { env: ['prod', 'test'] }, 'avg:m{env NOT IN (prod, test)}'],
  ['avg:m{!$env}', { env: ['prod'] }, 'avg:m{!env:prod}'],
  ['avg:m{stage:$env.value}', { env: ['prod'] }, 'avg:m{stage:prod}'],
  ['avg:m{stage:$env.value,a:b}', { env: ['prod', 'test'] }, 'avg:m{stage IN (prod, test),a:b}'],
  ['avg:m{$scope}', { scope: ['team:a', 'team:b'] }, 'avg:m{(team:a OR team:b)}'],
  ['Load in $env.value, $environment', { env: ['prod'] }, 'Load in prod, $environment'],
  ['$env-wide', { env: ['prod'] }, 'env:prod-wide'],
  ['costs $5 and $unknown', { env: ['prod'] }, 'costs $5 and $unknown'],
])('%s filled with %j', (text, values, want) => {
  expect(filledText(text, [env, host, scope], values)).toBe(want)
})

test('the URL says the values, in both forms', () => {
  expect(chosenIn(board, new URLSearchParams('tpl_var_env=test&tpl_var_host[0]=a&tpl_var_host[1]=b'))).toEqual({ env: ['test'], host: ['a', 'b'], scope: ['*'] })
  expect(chosenIn(board, new URLSearchParams())).toEqual({ env: ['prod'], host: ['*'], scope: ['*'] })
})

test('values go to the URL, but for defaults', () => {
  const present = new URLSearchParams('tpl_var_env=test&tpl_var_host[0]=a&from_ts=1')
  expect(paramsFor(board, { env: ['prod'], host: ['a', 'b'], scope: ['team:x'] }, present)).toEqual({
    tpl_var_env: null, 'tpl_var_host[0]': 'a', 'tpl_var_host[1]': 'b', tpl_var_scope: 'team:x',
  })
})

test('a saved view is found by its values', () => {
  const saved = { ...board, template_variable_presets: [viewOf('Testing', { env: ['test'], host: ['a'], scope: ['*'] })] }
  expect(currentView(saved, { env: ['test'], host: ['a'], scope: ['*'] })?.name).toBe('Testing')
  expect(currentView(saved, { env: ['test'], host: ['*'], scope: ['*'] })).toBeUndefined()
  expect(valuesOfView(board, { name: 'old', template_variables: [{ name: 'env', value: 'x' }] })).toEqual({ env: ['x'], host: ['*'], scope: ['*'] })
})

test('a variable is renamed wherever it stands', () => {
  const d = { ...board, widgets: [{ definition: { type: 'timeseries', title: '$env', requests: [{ q: 'avg:m{$env,$env2}' }] } }], template_variable_presets: [viewOf('v', { env: ['a'], host: ['b'], scope: ['*'] })] } as Board
  const next = withVariables(d, [{ ...env, name: 'stage' }, scope], { env: 'stage' })
  expect(next.widgets![0].definition).toEqual({ type: 'timeseries', title: '$stage', requests: [{ q: 'avg:m{$stage,$env2}' }] })
  expect(next.template_variable_presets).toEqual([{ name: 'v', template_variables: [{ name: 'stage', values: ['a'] }, { name: 'scope', values: ['*'] }] }])
  expect(variablesOf(next).map((v) => v.name)).toEqual(['stage', 'scope'])
})

test.each<[string, string[], string]>([
  ['up{env="$env.value"}', ['prod'], 'up{env="prod"}'],
  ['up{env="$env"} + $env', ['prod'], 'up{env="prod"} + prod'],
  ['up{env=~"$env.value"}', ['*'], 'up{env=~".*"}'],
  ['up{env!~ \'$env.value\'}', ['a.b-*', 'c'], "up{env!~ '(a\\\\.b-.*|c)'}"],
  ['up{env=~"^$env.value$|x"}', ['prod'], 'up{env=~"^prod$|x"}'],
  ['up{env="$env.value"}', ['a"b'], 'up{env="a\\"b"}'],
  ['rate(hits{host!="$env-1"}[$env.value])', ['5m'], 'rate(hits{host!="5m-1"}[5m])'],
  ['up{a="$unknown"} != 5', ['prod'], 'up{a="$unknown"} != 5'],
])('%s in MetricsQL filled with %j', (text, chosen, want) => {
  expect(filledMetricsQL(text, [env, host, scope], { env: chosen })).toBe(want)
})

test('each query of a widget is filled in its language', () => {
  const widget = { definition: { type: 'timeseries', title: '$env.value', requests: [
    { q: 'avg:m{$env}' },
    { queries: [{ name: 'a', data_source: 'prometheus', query: 'm{env=~"$env.value"}' }] },
  ] } }
  expect(filled(widget, [env], { env: ['prod', 'test'] }).definition).toEqual({ type: 'timeseries', title: 'prod, test', requests: [
    { q: 'avg:m{env IN (prod, test)}' },
    { queries: [{ name: 'a', data_source: 'prometheus', query: 'm{env=~"(prod|test)"}' }] },
  ] })
})
