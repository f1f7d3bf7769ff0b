// A dashboard as the readers of a link see it: without a login, and alone.
import { useEffect, useState } from 'preact/hooks'
import { api, openShared } from '../api'
import type { SharedBoard, Widget } from '../model'
import { setServerTime } from '../clock'
import { useData } from '../data'
import { Grid, type Slot } from '../dashboard/grid'
import { GroupHead } from '../dashboard/group-head'
import { chosenIn, filled, variablesOf } from '../dashboard/variables'
import { WidgetView } from '../dashboard/widget'
import { RangeProvider, useRange } from '../range'
import { setParams, type Route } from '../route'
import { Button, Empty, Failure, Panel } from '../parts/basics'
import { TimeControl } from '../parts/time-control'
import { SessionContext } from '../session'
import { showRange, spanOf } from '../time'

const nobody = { required: true, setup: false, name: '', role: '' as const, csrf: '' }

export function SharedPage({ token, route }: { token: string; route: Route }) {
  openShared(token)
  const shared = useData(`shared ${token}`, async () => {
    const answer = await api.sharedBoard()
    setServerTime(answer.now)
    return answer
  }, 60e3)
  if (!shared.data) {
    if (!shared.error) return null
    return <main class="shared-empty">{shared.error.status === 404 ? <Empty title="This link shows nothing">It was revoked or paused, or its time is over. Ask who gave it to you.</Empty> : <Failure error={shared.error} retry={shared.reload} />}</main>
  }
  return (
    <SessionContext.Provider value={nobody}>
      <RangeProvider route={route} absent={spanOf(shared.data.live_span)}>
        <Board shared={shared.data} params={route.params} />
      </RangeProvider>
    </SessionContext.Provider>
  )
}

function Board({ shared, params }: { shared: SharedBoard; params: URLSearchParams }) {
  const { dashboard: board } = shared
  const range = useRange()
  const variables = variablesOf(board)
  const values = chosenIn(board, params)
  const [closed, setClosed] = useState<Set<number>>(new Set())
  // Widgets link to pages that the readers of a link can't see.
  useEffect(() => {
    const stay = (e: MouseEvent) => (e.target as Element).closest?.("a[href^='/']") && e.preventDefault()
    addEventListener('click', stay, true)
    return () => removeEventListener('click', stay, true)
  }, [])
  useEffect(() => {
    document.title = `${board.title} · Whippet`
  }, [board.title])
  const draw = (widget: Widget, { path }: Slot) => {
    const shown = filled(widget, variables, values)
    if (widget.definition.type !== 'group') return <WidgetView widget={shown} variables={{}} tools={<></>} />
    const toggle = () => setClosed((old) => {
      const next = new Set(old)
      if (!next.delete(path[0])) next.add(path[0])
      return next
    })
    return <GroupHead widget={shown} grip={null} open={!closed.has(path[0])} onToggle={toggle} />
  }
  return (
    <div class="shared">
      <header class="bar">
        <div class="bar-title"><h1 title={board.title}>{board.title}</h1></div>
        <div class="bar-tools">
          {shared.free_time ? <TimeControl /> : (
            <>
              <span class="muted">{showRange(range)}</span>
              {!range.live && <Button label="Back to now" onClick={() => setParams({ from_ts: null, to_ts: null, live: null })} />}
            </>
          )}
        </div>
      </header>
      <main>
        {board.description && <p class="muted board-description">{board.description}</p>}
        <Choices shared={shared} params={params} />
        {board.widgets.length === 0 ? <Panel><Empty title="No widgets on this dashboard yet" /></Panel> : <Grid board={board} draw={draw} collapsed={closed} />}
      </main>
    </div>
  )
}

// Choices are the template variables that readers may set.
function Choices({ shared, params }: { shared: SharedBoard; params: URLSearchParams }) {
  if (shared.variables.length === 0) return null
  return (
    <div class="actions">
      {shared.variables.map((v) => {
        const value = params.get(`tpl_var_${v.name}`) ?? v.default_value
        const set = (e: { currentTarget: { value: string } }) => setParams({ [`tpl_var_${v.name}`]: e.currentTarget.value || null })
        const values = v.visible_tags?.length ? [...new Set([v.default_value, ...v.visible_tags])] : null
        return (
          <label key={v.name} class="inline">
            <span class="muted">${v.name}</span>
            {values ? <select value={value} onChange={set}>{values.map((x) => <option key={x} value={x}>{x}</option>)}</select> : <input class="variable" value={value} onChange={set} />}
          </label>
        )
      })}
    </div>
  )
}
