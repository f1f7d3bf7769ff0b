// What pages share: the time range in the URL, and data that keeps its last
// state while the next is on its way.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError } from './api'
import { setParams, useRoute } from './route'
import { rangeOf, rangeParams, type Range } from './time'

const refreshEvery = 10e3

// useNow is the present, moved on every ten seconds while live is set.
function useNow(live: boolean): [number, () => void] {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (!live) return
    const timer = setInterval(() => document.visibilityState === 'visible' && setNow(Date.now()), refreshEvery)
    return () => clearInterval(timer)
  }, [live])
  return [now, () => setNow(Date.now())]
}

export interface RangeControl {
  range: Range
  set: (r: Range) => void
  refresh: () => void
  back: () => void
}

// useRange reads the range from the URL; absent is how long a range without one is.
export function useRange(absent?: number): RangeControl {
  const { params } = useRoute()
  const live = rangeOf(params, 0, absent).live
  const [now, refresh] = useNow(live)
  const range = rangeOf(params, now, absent)
  return {
    range,
    refresh,
    set: (r) => setParams(rangeParams(r)),
    back: () => history.back(),
  }
}

export interface Loaded<T> {
  data: T | undefined
  error: ApiError | undefined
  loading: boolean
  reload: () => void
}

// useData loads again whenever a dependency changes. What was there stays until
// the new is.
export function useData<T>(load: (signal: AbortSignal) => Promise<T>, dependencies: unknown[]): Loaded<T> {
  const [state, setState] = useState<{ data?: T; error?: ApiError; loading: boolean }>({ loading: true })
  const [count, setCount] = useState(0)
  const loader = useRef(load)
  loader.current = load
  useEffect(() => {
    const stop = new AbortController()
    setState((s) => ({ ...s, loading: true }))
    loader.current(stop.signal).then(
      (data) => !stop.signal.aborted && setState({ data, loading: false }),
      (cause: unknown) => {
        if (stop.signal.aborted) return
        const error = cause instanceof ApiError ? cause : new ApiError(String(cause), 0)
        setState((s) => ({ data: s.data, error, loading: false }))
      },
    )
    return () => stop.abort()
  }, [...dependencies, count])
  const reload = useCallback(() => setCount((n) => n + 1), [])
  return { data: state.data, error: state.error, loading: state.loading, reload }
}

// useTick changes every ms milliseconds, to poll by.
export function useTick(ms: number): number {
  const [tick, setTick] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && setTick((t) => t + 1), ms)
    return () => clearInterval(timer)
  }, [ms])
  return tick
}
