// The URL is the state: what a view shows is its path and its parameters.
import { useEffect, useState } from 'preact/hooks'

export interface Route {
  path: string
  params: URLSearchParams
}

function here(): Route {
  return { path: decodeURI(location.pathname), params: new URLSearchParams(location.search) }
}

const changed = 'whippet:route'

// go opens a path of this app; replace leaves no entry in the history.
export function go(url: string, replace = false): void {
  if (replace) history.replaceState(null, '', url)
  else history.pushState(null, '', url)
  dispatchEvent(new Event(changed))
}

// setParams changes parameters of the present view; null removes one.
export function setParams(changes: Record<string, string | null>, replace = false): void {
  const params = new URLSearchParams(location.search)
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) params.delete(key)
    else params.set(key, value)
  }
  const text = params.toString()
  go(location.pathname + (text ? '?' + text : ''), replace)
}

export function useRoute(): Route {
  const [route, setRoute] = useState(here)
  useEffect(() => {
    const update = () => setRoute(here())
    addEventListener('popstate', update)
    addEventListener(changed, update)
    return () => {
      removeEventListener('popstate', update)
      removeEventListener(changed, update)
    }
  }, [])
  return route
}

// follow makes a plain click on a link of ours change the view without a load.
export function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = (event.target as Element).closest('a')
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin || link.pathname.startsWith('/api/')) return
  event.preventDefault()
  go(link.pathname + link.search)
}
