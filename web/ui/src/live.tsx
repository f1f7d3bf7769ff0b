// News from the server: which parts of what it keeps have changed. Pages that
// show them load anew.
import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { setServerTime } from './clock'

export type Topic = 'monitors' | 'dashboards' | 'events' | 'hosts' | 'checks' | 'outbox'

// Line is how the connection stands. 'lost' is only said after a moment: a
// restart that nobody notices needs no words.
export type Line = 'on' | 'lost' | 'back'

const silence = 25e3 // ms without a beat: the line is dead
const patience = 1500 // ms until a lost line is said to be
const joy = 3000 // ms that "connected again" stays
const breath = 1000 // ms between two reloads for one listener

type Listener = (topics: Topic[]) => void

// Stream keeps one connection while the page is in sight. A browser opens few
// connections to one server, so pages in the background must not hold one; what
// they missed they are told when they are seen again.
class Stream {
  private source: EventSource | null = null
  private last = ''
  private heard = 0
  private retry = 500
  private timer = 0
  private readonly listeners = new Set<Listener>()

  constructor(private readonly onLine: (up: boolean) => void, private readonly onVersion: (version: string) => void) {}

  start(): () => void {
    const seen = () => (document.hidden ? this.close() : this.open())
    const watch = setInterval(() => this.source && Date.now() - this.heard > silence && this.fail(), 5e3)
    const online = () => this.fail()
    document.addEventListener('visibilitychange', seen)
    addEventListener('online', online)
    seen()
    return () => {
      clearInterval(watch)
      document.removeEventListener('visibilitychange', seen)
      removeEventListener('online', online)
      this.close()
    }
  }

  listen(fn: Listener): () => void {
    this.listeners.add(fn)
    return () => this.listeners.delete(fn)
  }

  private open(): void {
    if (this.source || document.hidden) return
    clearTimeout(this.timer)
    this.heard = Date.now()
    const source = (this.source = new EventSource('/api/ui/live' + (this.last ? `?last=${encodeURIComponent(this.last)}` : '')))
    source.addEventListener('changed', (e) => {
      this.heard = Date.now()
      this.last = e.lastEventId
      this.retry = 500
      this.onLine(true)
      const { topics, version } = JSON.parse(e.data) as { topics: Topic[]; version: string }
      this.onVersion(version)
      if (topics.length) this.listeners.forEach((fn) => fn(topics))
    })
    source.addEventListener('beat', (e) => {
      setServerTime(Number(e.data))
      this.heard = Date.now()
    })
    source.onerror = () => this.fail()
  }

  private close(): void {
    clearTimeout(this.timer)
    this.source?.close()
    this.source = null
  }

  // fail tries again, later each time: at most every 5 s.
  private fail(): void {
    this.close()
    if (document.hidden) return
    this.onLine(false)
    this.timer = setTimeout(() => this.open(), this.retry)
    this.retry = Math.min(5000, this.retry * 2)
  }
}

interface Live {
  stream: Stream | null
  line: Line
  version: string // of the server, when it is no longer the one that this page came from
}

const Context = createContext<Live>({ stream: null, line: 'on', version: '' })

export const useLine = () => useContext(Context)

// LiveProvider connects what is inside; onLost is called each time that the line
// breaks, to find out whether the login has ended.
export function LiveProvider({ onLost, children }: { onLost: () => void; children: ComponentChildren }) {
  const [line, setLine] = useState<Line>('on')
  const [version, setVersion] = useState('')
  const lost = useRef(onLost)
  lost.current = onLost
  const stream = useMemo(() => {
    let timer = 0
    let up = true
    let said = false
    let first = ''
    return new Stream(
      (on) => {
        if (!on) lost.current()
        if (on === up) return
        up = on
        clearTimeout(timer)
        if (!on) timer = setTimeout(() => ((said = true), setLine('lost')), patience)
        else if (said) {
          said = false
          setLine('back')
          timer = setTimeout(() => setLine('on'), joy)
        }
      },
      (v) => {
        first ||= v
        if (v !== first) setVersion(v)
      },
    )
  }, [])
  useEffect(() => stream.start(), [stream])
  const value = useMemo(() => ({ stream, line, version }), [stream, line, version])
  return <Context.Provider value={value}>{children}</Context.Provider>
}

// useNews calls fn when one of the topics changes: at once, then at most once a
// second.
export function useNews(topics: Topic[], fn: () => void): void {
  const { stream } = useContext(Context)
  const latest = useRef(fn)
  latest.current = fn
  const key = topics.join()
  useEffect(() => {
    if (!stream || !key) return
    const wanted = key.split(',')
    let quiet = 0 // until when
    let timer = 0
    const tell = () => {
      timer = 0
      quiet = Date.now() + breath
      latest.current()
    }
    const stop = stream.listen((changed) => {
      if (timer || !changed.some((t) => wanted.includes(t))) return
      timer = setTimeout(tell, Math.max(0, quiet - Date.now()))
    })
    return () => {
      clearTimeout(timer)
      stop()
    }
  }, [stream, key])
}

// Notice says when the line is lost, and when it is there again.
export function Notice() {
  const { line, version } = useLine()
  return (
    <div class="notice-place" role="status">
      {line === 'lost' && <p class="notice lost">Reconnecting… What you see may be old.</p>}
      {line === 'back' && <p class="notice back">Connected again</p>}
      {line !== 'lost' && version && (
        <p class="notice">
          Whippet is {version} now. <button type="button" class="link" onClick={() => location.reload()}>Reload this page</button>
        </p>
      )}
    </div>
  )
}
