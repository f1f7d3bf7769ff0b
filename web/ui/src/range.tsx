// The time range of the page, from the URL, as all parts of it see it.
import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useMemo, useState } from 'preact/hooks'
import { now } from './clock'
import { setParams, type Route } from './route'
import { rangeOf, rangeParams, type Range } from './time'

interface Control {
  range: Range
  refresh: () => void
}

const Context = createContext<Control>({ range: { from: 0, to: 1, live: false }, refresh: () => undefined })

export const useRange = (): Range => useContext(Context).range
export const useRefresh = (): (() => void) => useContext(Context).refresh

// RangeOf gives its children a range of their own.
export function RangeOf({ range, children }: { range: Range; children: ComponentChildren }) {
  const { refresh } = useContext(Context)
  const control = useMemo(() => ({ range, refresh }), [range.from, range.to, range.live, refresh])
  return <Context.Provider value={control}>{children}</Context.Provider>
}

export const setRange = (range: Range): void => setParams(rangeParams(range))

// refreshes are how often a live range may move on, in seconds.
export const refreshes = [10, 30, 60, 300]

// RangeProvider moves a live range on, about as often as a graph of it gets a
// new point, or every so many seconds as refresh in the URL says.
export function RangeProvider({ route, absent, children }: {
  route: Route
  absent?: number // how long a range is that the URL doesn't name, in ms
  children: ComponentChildren
}) {
  const [turn, setTurn] = useState(0)
  const [from, to, live] = ['from_ts', 'to_ts', 'live'].map((key) => route.params.get(key))
  const range = useMemo(() => rangeOf(route.params, Math.floor(now() / 1000) * 1000, absent), [from, to, live, absent, turn])
  const span = range.to - range.from
  const asked = Number(route.params.get('refresh'))
  useEffect(() => {
    if (!range.live) return
    const every = refreshes.includes(asked) ? asked * 1e3 : Math.min(60e3, Math.max(10e3, span / 350))
    const timer = setInterval(() => !document.hidden && setTurn((n) => n + 1), every)
    return () => clearInterval(timer)
  }, [range.live, span, asked])
  const control = useMemo(() => ({ range, refresh: () => setTurn((n) => n + 1) }), [range])
  return <Context.Provider value={control}>{children}</Context.Provider>
}
