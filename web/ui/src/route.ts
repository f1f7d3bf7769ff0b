// The URL is the state: what a view shows is its path and its parameters.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

export interface Route {
  path: string
  parts: string[] // of the path, decoded
  params: URLSearchParams
}

function here(): Route {
  const path = location.pathname
  return { path, parts: path.split('/').filter(Boolean).map(decoded), params: new URLSearchParams(location.search) }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const changed = 'whippet:route'

// A view that would lose something holds the reader back: it is asked first, and
// given what goes on.
interface Holder {
  path: string
  url: string
  ask: (leave: () => void) => void
}

let holder: Holder | null = null

const leaves = (url: string) => new URL(url, location.href).pathname !== location.pathname

// useHold keeps the view from being left while on is true.
export function useHold(on: boolean, ask: (leave: () => void) => void): void {
  const latest = useRef(ask)
  latest.current = ask
  useLayoutEffect(() => {
    if (!on) return
    const unload = (e: BeforeUnloadEvent) => e.preventDefault()
    holder = { path: location.pathname, url: location.href, ask: (leave) => latest.current(leave) }
    addEventListener('beforeunload', unload)
    return () => {
      holder = null
      removeEventListener('beforeunload', unload)
    }
  }, [on])
}

// heldBack reports whether the browser's own back or forward was undone: by then
// the URL has changed already, and is put back.
function heldBack(): boolean {
  if (!holder || location.pathname === holder.path) return false
  const target = location.href
  const { ask, url } = holder
  history.pushState({ ours: true }, '', url)
  ask(() => {
    holder = null
    go(target)
  })
  return true
}

// go opens a path of this app; replace leaves no entry in the history.
export function go(url: string, replace = false): void {
  if (holder && leaves(url)) {
    holder.ask(() => {
      holder = null
      go(url, replace)
    })
    return
  }
  if (replace) history.replaceState(history.state, '', url)
  else history.pushState({ ours: true }, '', url)
  dispatchEvent(new Event(changed))
  if (!replace && !url.startsWith(location.pathname)) scrollTo(0, 0)
}

// back goes to the view before, if that was one of ours.
export function back(): void {
  if (history.state?.ours) history.back()
}

// setParams changes parameters of the present view; null removes one.
export function setParams(changes: Record<string, string | null>, replace = false): void {
  const url = urlWith(changes)
  if (url !== location.pathname + location.search) go(url, replace)
}

function urlWith(changes: Record<string, string | null>): string {
  const params = new URLSearchParams(location.search)
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) params.delete(key)
    else params.set(key, value)
  }
  const text = params.toString()
  return location.pathname + (text ? '?' + text : '')
}

// link is a URL of ours with parameters; the time range of the present view
// goes along, unless they name one, and so do the events that lie over its graphs.
export function link(path: string, params: Record<string, string | number | null | undefined> = {}): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(params)) if (value !== null && value !== undefined && value !== '') search.set(key, String(value))
  const present = new URLSearchParams(location.search)
  for (const key of 'from_ts' in params ? ['overlay'] : ['from_ts', 'to_ts', 'live', 'overlay']) {
    const value = present.get(key)
    if (value !== null && !search.has(key)) search.set(key, value)
  }
  const text = search.toString()
  return path + (text ? '?' + text : '')
}

export function useRoute(): Route {
  const [route, setRoute] = useState(here)
  useEffect(() => {
    const update = () => setRoute(here())
    const popped = () => heldBack() || update()
    addEventListener('popstate', popped)
    addEventListener(changed, update)
    return () => {
      removeEventListener('popstate', popped)
      removeEventListener(changed, update)
    }
  }, [])
  return route
}

// follow makes a plain click on a link of ours change the view without a load.
export function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const anchor = (event.target as Element).closest('a')
  if (!anchor) return
  const url = new URL(anchor.getAttribute('href') ?? '', location.href)
  if (anchor.getAttribute('target') || anchor.hasAttribute('download') || url.origin !== location.origin || url.pathname.startsWith('/api/')) return
  event.preventDefault()
  go(url.pathname + url.search)
}
