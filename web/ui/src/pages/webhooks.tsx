// Webhooks: programs that monitors call by @webhook-name.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Webhook } from '../model'
import { useData } from '../data'
import { fieldOf } from '../monitor/query'
import { Button, Confirm, Empty, Failure, Field, Panel } from '../parts/basics'
import { Page } from '../parts/frame'
import { monitorTabs } from './monitors'

const sample = '{\n  "text": "$EVENT_TITLE",\n  "link": "$LINK"\n}'
const fresh: Webhook = { name: '', url: '', payload: sample, encode_as: 'json' }

export function Webhooks() {
  const list = useData('webhooks', api.webhooks)
  const [edited, setEdited] = useState<{ name: string; hook: Webhook } | null>(null)
  const [error, setError] = useState<Error | null>(null)
  const create = <Button kind="primary" icon="plus" label="New webhook" onClick={() => setEdited({ name: '', hook: fresh })} />
  const done = () => {
    setEdited(null)
    list.reload()
  }
  return (
    <Page title="Monitors" tabs={monitorTabs('webhooks')} actions={list.data?.length && !edited ? create : undefined}>
      {error && <div class="failure" role="alert">{error.message}</div>}
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {edited && <Editor key={edited.name} name={edited.name} start={edited.hook} done={done} />}
      {list.data?.length === 0 && !edited && <Panel><Empty title="No webhooks" action={create}>A monitor whose message says @webhook-name calls the address of that name, with a body that you write.</Empty></Panel>}
      {list.data && list.data.length > 0 && (
        <Panel flush title="Webhooks">
          <div class="scroll">
            <table>
              <thead><tr><th>In messages</th><th>Address</th><th>Signed</th><th><span class="visually-hidden">Change</span></th></tr></thead>
              <tbody>
                {list.data.map((h) => (
                  <tr key={h.name}>
                    <td class="mono nowrap">@webhook-{h.name}</td>
                    <td class="mono">{h.url}</td>
                    <td>{h.signed ? 'yes' : <span class="muted">no</span>}</td>
                    <td>
                      <span class="row-tools">
                        <Button icon="edit" label="Edit" onClick={() => setEdited({ name: h.name, hook: h })} />
                        <Confirm icon="remove" label="Delete webhook" question={`Delete the webhook ${h.name}? Monitors that name it can't reach it any more.`} onConfirm={() => void api.deleteWebhook(h.name).then(list.reload, setError)} />
                      </span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
      )}
    </Page>
  )
}

function Editor({ name, start, done }: { name: string; start: Webhook; done: () => void }) {
  const [hook, setHook] = useState(start)
  const [problem, setProblem] = useState<{ field: string; text: string } | null>(null)
  const set = (change: Partial<Webhook>) => {
    setHook({ ...hook, ...change })
    setProblem(null)
  }
  const wrong = (field: string) => (problem?.field === field ? problem.text : undefined)
  const known = ['name', 'url', 'payload', 'custom_headers']
  const save = (e: Event) => {
    e.preventDefault()
    const { signed: _signed, ...doc } = hook
    void api.saveWebhook(name, { ...doc, ...(doc.secret ? {} : { secret: undefined }) }).then(done, (cause: Error) => setProblem(fieldOf(cause.message)))
  }
  return (
    <form onSubmit={save}>
      <Panel title={name ? `Webhook ${name}` : 'New webhook'}>
        <div class="form">
          <Field label="Name" error={wrong('name')} hint={<>in messages: <code>@webhook-{hook.name || 'name'}</code></>}><input value={hook.name} onInput={(e) => set({ name: e.currentTarget.value })} /></Field>
          <Field label="Address" error={wrong('url')} hint="internal addresses need --webhook-allow"><input type="url" value={hook.url} placeholder="https://chat.example.com/hook" onInput={(e) => set({ url: e.currentTarget.value })} /></Field>
          <Field label="Secret" hint={start.signed ? 'kept; write another to change it' : 'signs the body: X-Whippet-Signature'}><input type="password" autocomplete="off" value={hook.secret ?? ''} onInput={(e) => set({ secret: e.currentTarget.value })} /></Field>
          <Field label="Body" wide error={wrong('payload')} hint="JSON; variables such as $EVENT_TITLE, $EVENT_MSG, $ALERT_TRANSITION, $ALERT_SCOPE, $VALUE, $LINK stand inside quotation marks">
            <textarea class="mono" rows={8} value={hook.payload ?? ''} onInput={(e) => set({ payload: e.currentTarget.value })} />
          </Field>
          <Field label="Headers" wide error={wrong('custom_headers')} hint='JSON, such as {"Authorization": "Bearer ..."}; empty: none'><input class="mono" value={hook.custom_headers ?? ''} onInput={(e) => set({ custom_headers: e.currentTarget.value })} /></Field>
        </div>
        {problem && !known.includes(problem.field) && <div class="failure" role="alert">{problem.text}</div>}
        <div class="actions">
          <Button type="submit" kind="primary" label={name ? 'Save' : 'Create webhook'} />
          <Button kind="quiet" label="Discard" onClick={done} />
        </div>
      </Panel>
    </form>
  )
}
