// Events drawn on all graphs of a page: those that the search in its URL finds.
import { createContext, type ComponentChildren } from 'preact'
import { useContext, useMemo } from 'preact/hooks'
import { api } from './api'
import type { EventItem } from './model'
import type { Happening } from './chart/marks'
import { useData } from './data'
import { useRange } from './range'

const Context = createContext<Happening[]>([])

export const useOverlay = (): Happening[] => useContext(Context)

export const happeningOf = (e: EventItem): Happening => ({
  at: e.time,
  text: e.title,
  kind: e.alert_type === 'warning' || e.alert_type === 'error' || e.alert_type === 'success' ? e.alert_type : 'info',
})

export function OverlayProvider({ search, children }: { search: string; children: ComponentChildren }) {
  const range = useRange()
  const found = useData(search ? `overlay ${search} ${range.from} ${range.to}` : null, () => api.events(range.from, range.to, search), 0, range.live ? ['events'] : [])
  const happenings = useMemo(() => found.data?.map(happeningOf) ?? [], [found.data])
  return <Context.Provider value={happenings}>{children}</Context.Provider>
}
