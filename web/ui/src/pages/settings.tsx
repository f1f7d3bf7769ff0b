// Settings: keys of programs, people, the audit trail, one's own password.
import { useState } from 'preact/hooks'
import { api, ApiError } from '../api'
import type { Change, Key, Role } from '../model'
import { useData } from '../data'
import { Button, Confirm, CopyButton, Dialog, Empty, Failure, Field, Moment, Panel } from '../parts/basics'
import { Page } from '../parts/frame'
import { Received } from './received'
import { may, useSession } from '../session'

const roles: [Role, string][] = [['viewer', 'Viewer: looks'], ['editor', 'Editor: changes dashboards, monitors, downtimes'], ['admin', 'Admin: manages people and keys']]

export function Settings({ tab }: { tab: string }) {
  const session = useSession()
  const admin = may(session, 'admin')
  const tabs = [
    { id: 'keys', label: 'Keys', shown: true },
    { id: 'people', label: 'People', shown: admin },
    { id: 'audit', label: 'Audit trail', shown: admin },
    { id: 'received', label: 'Received', shown: true },
    { id: 'password', label: 'Password', shown: session.required },
  ].filter((t) => t.shown)
  const here = tabs.find((t) => t.id === tab) ?? tabs[0]
  return (
    <Page
      title="Settings"
      tabs={tabs.map((t) => ({ href: `/settings/${t.id}`, label: t.label, here: t === here }))}
      actions={session.required && <><span class="muted">{session.name}</span><Button label="Log out" onClick={() => void api.logout().finally(() => location.assign('/'))} /></>}
    >
      {here?.id === 'keys' && <Keys admin={admin} />}
      {here?.id === 'people' && <People />}
      {here?.id === 'audit' && <Audit />}
      {here?.id === 'received' && <Received />}
      {here?.id === 'password' && <Password />}
    </Page>
  )
}

// useAction runs what a button does, and holds what went wrong.
function useAction(done: () => void) {
  const [error, setError] = useState('')
  const run = (work: () => Promise<unknown>) => {
    setError('')
    work().then(done, (cause: unknown) => setError(cause instanceof ApiError ? cause.message : String(cause)))
  }
  return { error, run }
}

function Keys({ admin }: { admin: boolean }) {
  const session = useSession()
  const list = useData('keys', api.keys)
  const [kind, setKind] = useState<Key['kind']>(admin ? 'api' : 'application')
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [made, setMade] = useState<{ name: string; secret: string }>()
  const { error, run } = useAction(list.reload)
  return (
    <>
      {!session.required && (
        <p class="muted">Whippet answers on this machine only, so programs need no key yet. Keys made here are asked for once it listens beyond, or is started with --login.</p>
      )}
      {made && (
        <Panel title={`The key ${made.name}`}>
          <p>It is shown this once. Copy it to where it is needed.</p>
          <pre class="lines"><code>{made.secret}</code><CopyButton bare text={made.secret} /></pre>
        </Panel>
      )}
      <Panel title="New key">
        <form class="form bottom" onSubmit={(e) => (e.preventDefault(), run(async () => {
          const answer = await api.addKey(kind, name, kind === 'application' ? role : undefined)
          setMade({ name, secret: answer.secret })
          setName('')
        }))}>
          <Field label="For">
            <select value={kind} onChange={(e) => setKind(e.currentTarget.value as Key['kind'])}>
              {admin && <option value="api">sending metrics (API key)</option>}
              <option value="application">reading and changing (application key)</option>
            </select>
          </Field>
          <Field label="Name" error={error || undefined}>
            <input required maxLength={100} value={name} placeholder="agents in Berlin" onInput={(e) => setName(e.currentTarget.value)} />
          </Field>
          {kind === 'application' && (
            <Field label="May do what this role may">
              <select value={role} onChange={(e) => setRole(e.currentTarget.value as Role)}>
                {roles.filter(([r]) => may(session, r)).map(([r, label]) => <option key={r} value={r}>{label}</option>)}
              </select>
            </Field>
          )}
          <Button type="submit" kind="primary" icon="plus" label="Make the key" />
        </form>
      </Panel>
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data?.length === 0 && <Panel><Empty title="No keys yet">An agent sends an API key with its metrics; scripts, Terraform and Grafana send an application key.</Empty></Panel>}
      {list.data && list.data.length > 0 && (
        <Panel flush label="Keys">
          <div class="scroll">
            <table>
              <thead><tr><th>Name</th><th>Key</th><th>For</th><th>Made by</th><th>Made</th><th>Last used</th><th /></tr></thead>
              <tbody>
                {list.data.map((k) => (
                  <tr key={k.id}>
                    <td>{k.name}</td>
                    <td><code>…{k.last4}</code></td>
                    <td>{k.kind === 'api' ? 'sending' : `reading and changing, as ${k.role}`}</td>
                    <td>{k.owner}</td>
                    <td class="nowrap"><Moment ms={k.created} /></td>
                    <td class="nowrap">{k.last_used ? <Moment ago ms={k.last_used} /> : <span class="muted">not since the start</span>}</td>
                    <td><Confirm label="Revoke" question={`Programs that send the key ${k.name} are refused at once. It can't be brought back.`} onConfirm={() => run(() => api.removeKey(k))} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
      )}
    </>
  )
}

function People() {
  const session = useSession()
  const list = useData('users', api.users)
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const { error, run } = useAction(list.reload)
  return (
    <>
      {!session.required && <p class="muted">Nobody needs to log in while Whippet answers on this machine only. People added here log in once it listens beyond, or is started with --login.</p>}
      <Panel title="New person">
        <form class="form bottom" onSubmit={(e) => (e.preventDefault(), run(async () => {
          await api.addUser(name, password, role)
          setName('')
          setPassword('')
        }))}>
          <Field label="Mail address" error={error || undefined}>
            <input type="email" required value={name} onInput={(e) => setName(e.currentTarget.value)} />
          </Field>
          <Field label="First password">
            <input type="password" required autocomplete="new-password" value={password} onInput={(e) => setPassword(e.currentTarget.value)} />
          </Field>
          <Field label="Role">
            <select value={role} onChange={(e) => setRole(e.currentTarget.value as Role)}>
              {roles.map(([r, label]) => <option key={r} value={r}>{label}</option>)}
            </select>
          </Field>
          <Button type="submit" kind="primary" icon="plus" label="Add" />
        </form>
      </Panel>
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data && list.data.length > 0 && (
        <Panel flush label="People">
          <div class="scroll">
            <table>
              <thead><tr><th>Mail address</th><th>Role</th><th>Since</th><th>Last login</th><th /></tr></thead>
              <tbody>
                {list.data.map((u) => (
                  <tr key={u.name}>
                    <td>{u.name}{u.name === session.name && <span class="muted"> (you)</span>}{u.disabled && <span class="tag">disabled</span>}{u.full_name && <div class="muted small">{u.full_name}</div>}</td>
                    <td>
                      <select aria-label={`Role of ${u.name}`} value={u.role} onChange={(e) => run(() => api.changeUser(u.name, { role: e.currentTarget.value as Role }))}>
                        {!u.role && <option value="">none</option>}
                        {roles.map(([r]) => <option key={r} value={r}>{r}</option>)}
                      </select>
                    </td>
                    <td class="nowrap"><Moment ms={u.created} /></td>
                    <td class="nowrap">{u.last_login ? <Moment ago ms={u.last_login} /> : <span class="muted">never</span>}</td>
                    <td class="actions">
                      {u.disabled ? <Button label="Let in again" onClick={() => run(() => api.changeUser(u.name, { disabled: false }))} /> : <NewPassword user={u.name} />}
                      <Confirm label="Remove" question={`${u.name} is logged out everywhere and can't come back.`} onConfirm={() => run(() => api.removeUser(u.name))} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
      )}
    </>
  )
}

// NewPassword sets somebody's password: the first, where a program made the
// person, or another when it is forgotten.
function NewPassword({ user }: { user: string }) {
  const [open, setOpen] = useState(false)
  const [password, setPassword] = useState('')
  const { error, run } = useAction(() => (setOpen(false), setPassword('')))
  return (
    <>
      <Button label="Set password" onClick={() => setOpen(true)} />
      {open && (
        <Dialog title={`Password of ${user}`} onClose={() => setOpen(false)}>
          <form class="form" onSubmit={(e) => (e.preventDefault(), run(() => api.changeUser(user, { password })))}>
            <Field label="New password" wide error={error || undefined} hint="They are logged out everywhere">
              <input type="password" required autocomplete="new-password" value={password} onInput={(e) => setPassword(e.currentTarget.value)} ref={(e) => e?.focus()} />
            </Field>
            <div class="actions end field wide"><Button kind="primary" type="submit" label="Set password" /></div>
          </form>
        </Dialog>
      )}
    </>
  )
}

function Audit() {
  const [before, setBefore] = useState<number>()
  const list = useData(`audit ${before ?? ''}`, () => api.changes(before))
  const last = list.data?.at(-1)
  return (
    <>
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data?.length === 0 && <Panel><Empty title={before ? 'No older changes' : 'No changes yet'}>Every change that a person or a program makes is listed here, with what was before.</Empty></Panel>}
      {list.data && list.data.length > 0 && (
        <Panel flush label="Changes" loading={list.loading}>
          <ul class="rows">
            {list.data.map((c) => <ChangeRow key={c.id} change={c} />)}
          </ul>
        </Panel>
      )}
      <div class="actions">
        {before !== undefined && <Button label="Newest" onClick={() => setBefore(undefined)} />}
        {list.data?.length === 100 && last && <Button label="Older" onClick={() => setBefore(last.id)} />}
      </div>
    </>
  )
}

const nouns: Record<string, string> = { monitors: 'monitor', downtimes: 'downtime', dashboards: 'dashboard', users: 'person', keys: 'key', hosts: 'host', settings: 'setting' }

function ChangeRow({ change: c }: { change: Change }) {
  const verb = c.before === undefined ? 'made' : c.after === undefined ? 'removed' : 'changed'
  return (
    <li class="top">
      <span class="nowrap"><Moment ms={c.at} /></span>
      <details class="grow">
        <summary><b>{c.actor}</b> {verb} {nouns[c.kind] ?? c.kind} <b>{nameOf(c)}</b></summary>
        <dl class="facts">
          {c.address && <><dt>From</dt><dd>{c.address}</dd></>}
          {differences(c).map(([field, was, is]) => <><dt>{field}</dt><dd><code>{was}</code> → <code>{is}</code></dd></>)}
        </dl>
      </details>
    </li>
  )
}

const fields = (doc: unknown) => (doc && typeof doc === 'object' ? (doc as Record<string, unknown>) : {})

function nameOf(c: Change): string {
  const doc = fields(c.after ?? c.before)
  for (const key of ['name', 'title']) if (typeof doc[key] === 'string' && doc[key]) return doc[key]
  return c.document
}

// differences lists the top fields that a change made different.
function differences(c: Change): [field: string, was: string, is: string][] {
  const was = fields(c.before)
  const is = fields(c.after)
  const text = (v: unknown) => (v === undefined ? 'nothing' : JSON.stringify(v))
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].sort()
    .map((f): [string, string, string] => [f, text(was[f]), text(is[f])])
    .filter(([, a, b]) => a !== b)
}

function Password() {
  const [old, setOld] = useState('')
  const [next, setNext] = useState('')
  const { error, run } = useAction(() => location.assign('/'))
  return (
    <Panel title="Your password">
      <form class="form bottom" onSubmit={(e) => (e.preventDefault(), run(() => api.changePassword(old, next)))}>
        <Field label="Now">
          <input type="password" required autocomplete="current-password" value={old} onInput={(e) => setOld(e.currentTarget.value)} />
        </Field>
        <Field label="New" hint="At least 10 characters. You are logged out everywhere." error={error || undefined}>
          <input type="password" required autocomplete="new-password" value={next} onInput={(e) => setNext(e.currentTarget.value)} />
        </Field>
        <Button type="submit" kind="primary" label="Change" />
      </form>
    </Panel>
  )
}
