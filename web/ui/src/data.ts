// Loading what a view shows: the old answer stays until the new one is there.
import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiError } from './api'
import { useNews, type Topic } from './live'

export interface Loaded<T> {
  data?: T
  error?: ApiError
  loading: boolean
  reload: () => void
}

// useData loads when key changes, on reload, every so many ms (0: never), and
// when the server says that one of the topics changed; a null key loads nothing.
// The answer to an older key is dropped.
export function useData<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>, every = 0, topics: Topic[] = []): Loaded<T> {
  const [state, setState] = useState<{ data?: T; error?: ApiError }>({})
  const [loading, setLoading] = useState(key !== null)
  const [turn, setTurn] = useState(0)
  const latest = useRef(load)
  latest.current = load

  useEffect(() => {
    if (key === null) {
      setState({})
      setLoading(false)
      return
    }
    const control = new AbortController()
    setLoading(true)
    latest.current(control.signal).then(
      (data) => !control.signal.aborted && (setState({ data }), setLoading(false)),
      (cause: unknown) => {
        if (control.signal.aborted) return
        const error = cause instanceof ApiError ? cause : new ApiError(String(cause), 0)
        setState((old) => ({ data: old.data, error }))
        setLoading(false)
      },
    )
    return () => control.abort()
  }, [key, turn])

  useEffect(() => {
    if (!every || key === null) return
    const timer = setInterval(() => !document.hidden && setTurn((n) => n + 1), every)
    return () => clearInterval(timer)
  }, [every, key])

  useNews(key === null ? [] : topics, () => setTurn((n) => n + 1))

  return { ...state, loading, reload: () => setTurn((n) => n + 1) }
}
