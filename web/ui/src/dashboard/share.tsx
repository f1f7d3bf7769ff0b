// Links by which anybody sees a dashboard, without a login.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Dashboard, Share } from '../model'
import { now } from '../clock'
import { useData } from '../data'
import { Button, Confirm, CopyButton, Dialog, Failure, Field, Moment } from '../parts/basics'
import { may, useSession } from '../session'

export const spans: [span: string, label: string][] = [['15m', '15 minutes'], ['1h', '1 hour'], ['4h', '4 hours'], ['1d', '1 day'], ['1w', '1 week'], ['1mo', '1 month']]
const lives: [days: number, label: string][] = [[0, 'until it is revoked'], [1, 'for a day'], [7, 'for a week'], [30, 'for a month']]

// ShareButton offers to share a dashboard, to those who may.
export function ShareButton({ board }: { board: Dashboard }) {
  const [open, setOpen] = useState(false)
  if (!may(useSession(), 'editor')) return null
  return (
    <>
      <Button icon="share" label="Share" onClick={() => setOpen(true)} />
      {open && <ShareDialog board={board} onClose={() => setOpen(false)} />}
    </>
  )
}

function ShareDialog({ board, onClose }: { board: Dashboard; onClose: () => void }) {
  const links = useData(`shares ${board.id}`, () => api.shares(board.id), 0, ['dashboards'])
  const [making, setMaking] = useState(false)
  const [error, setError] = useState<Error | null>(null)
  const act = (work: Promise<unknown>) => void work.then(() => (setError(null), setMaking(false), links.reload()), setError)
  const shares = links.data?.shares
  return (
    <Dialog title={`Share “${board.title}”`} onClose={onClose}>
      <div class="spaced">
        {links.error && <Failure error={links.error} retry={links.reload} />}
        {error && <div class="failure" role="alert">{error.message}</div>}
        {shares?.map((s) => <Link key={s.token} share={s} url={links.data!.url + s.token} act={act} />)}
        {shares && (making || shares.length === 0 ? <NewLink board={board} first={shares.length === 0} act={act} /> : <div class="actions end"><Button icon="plus" label="Another link" onClick={() => setMaking(true)} /></div>)}
      </div>
    </Dialog>
  )
}

function Link({ share, url, act }: { share: Share; url: string; act: (work: Promise<unknown>) => void }) {
  const over = share.expiration !== null && Date.parse(share.expiration) < now()
  const says = [
    over ? 'Its time is over. It showed the dashboard' : share.status === 'paused' ? 'Paused. It shows the dashboard' : 'Anybody with this link sees the dashboard',
    `over the last ${labelOf(share.global_time.live_span).replace(/^1 /, '')}${share.global_time_selectable_enabled ? ' at first, readers choose the time' : ''}`,
  ]
  return (
    <section class={`share-link ${over || share.status === 'paused' ? 'off' : ''}`} aria-label="Link">
      <div class="actions nowrap-row">
        <input readOnly value={url} aria-label="Link" onFocus={(e) => e.currentTarget.select()} />
        <CopyButton text={url} label="Copy" />
      </div>
      <p class="muted small">{says.join(' ')}. {share.expiration && !over && <>Ends <Moment ms={Date.parse(share.expiration)} ago />. </>}Made <Moment ms={Date.parse(share.created)} ago />.</p>
      <div class="actions">
        <a class="button" href={url} target="_blank" rel="noreferrer">Open</a>
        {!over && <Button label={share.status === 'paused' ? 'Go on' : 'Pause'} onClick={() => act(api.saveShare({ token: share.token, status: share.status === 'paused' ? 'active' : 'paused' }))} />}
        <Confirm icon="remove" label="Revoke" question="Revoke this link? Whoever has it sees nothing any more." onConfirm={() => act(api.deleteShare(share.token))} />
      </div>
    </section>
  )
}

const labelOf = (span: string) => spans.find(([s]) => s === span)?.[1] ?? span

// valuesOf reads "prod, dev".
const valuesOf = (text: string) => text.split(',').map((v) => v.trim()).filter(Boolean)

function NewLink({ board, first, act }: { board: Dashboard; first: boolean; act: (work: Promise<unknown>) => void }) {
  const variables = board.template_variables ?? []
  const [span, setSpan] = useState('1h')
  const [freeTime, setFreeTime] = useState(false)
  const [days, setDays] = useState(0)
  const [free, setFree] = useState<Record<string, string | undefined>>({}) // values by variable; undefined: fixed
  const make = (e: Event) => {
    e.preventDefault()
    act(api.saveShare({
      dashboard_id: board.id,
      global_time: { live_span: span },
      global_time_selectable_enabled: freeTime,
      expiration: days ? new Date(now() + days * 86400e3).toISOString() : null,
      selectable_template_vars: variables.filter((v) => free[v.name] !== undefined).map((v) => ({ name: v.name, prefix: v.prefix ?? '', default_value: v.defaults?.[0] ?? v.default ?? '*', visible_tags: valuesOf(free[v.name]!) })),
    }))
  }
  return (
    <form class="spaced" onSubmit={make}>
      {first && <p class="muted">A link shows this dashboard to whoever has it, without a login, and nothing else of Whippet. The text of its queries and notes can be read too.</p>}
      <div class="form">
        <Field label="Shows the last"><select value={span} onChange={(e) => setSpan(e.currentTarget.value)}>{spans.map(([s, label]) => <option key={s} value={s}>{label}</option>)}</select></Field>
        <Field label="Works"><select value={days} onChange={(e) => setDays(Number(e.currentTarget.value))}>{lives.map(([n, label]) => <option key={n} value={n}>{label}</option>)}</select></Field>
      </div>
      <label class="tick"><input type="checkbox" checked={freeTime} onChange={(e) => setFreeTime(e.currentTarget.checked)} />Readers may choose another time</label>
      {variables.map((v) => (
        <div key={v.name} class="spaced tight">
          <label class="tick"><input type="checkbox" checked={free[v.name] !== undefined} onChange={(e) => setFree({ ...free, [v.name]: e.currentTarget.checked ? '' : undefined })} />Readers may choose ${v.name}</label>
          {free[v.name] !== undefined && <input aria-label={`Values of ${v.name} that readers may choose`} placeholder="any value, or these: prod, dev" value={free[v.name]} onInput={(e) => setFree({ ...free, [v.name]: e.currentTarget.value })} />}
        </div>
      ))}
      <div class="actions end"><Button kind="primary" type="submit" icon="share" label="Make link" /></div>
    </form>
  )
}
