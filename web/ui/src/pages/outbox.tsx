// The outbox: every mail, whether it was sent or only kept.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Mail } from '../model'
import { useData } from '../data'
import { link } from '../route'
import { Button, Empty, Failure, LinkButton, Moment, Panel } from '../parts/basics'
import { MailFrame } from '../parts/mail-frame'
import { Page, useStatus } from '../parts/frame'
import { plural } from '../units'
import { monitorTabs } from './monitors'

const words: Record<string, [kind: string, text: string]> = {
  queued: ['warn', 'waiting'], sent: ['ok', 'sent'], kept: ['nodata', 'kept here'], failed: ['alert', 'not sent'],
}

function MailState({ mail }: { mail: Mail }) {
  const [kind, text] = words[mail.state] ?? ['nodata', mail.state]
  return <span class={`mail-state ${kind}`}><span class={`bullet ${kind}`} aria-hidden="true" />{text}</span>
}

// TestMail sends a mail that says that mail works.
function TestMail({ done }: { done: () => void }) {
  const [to, setTo] = useState('')
  const [problem, setProblem] = useState('')
  const send = (e: Event) => {
    e.preventDefault()
    void api.testMail(to).then(() => { setProblem(''); done() }, (cause: Error) => setProblem(cause.message))
  }
  return (
    <form class="actions" onSubmit={send}>
      {problem && <span class="field-error" role="alert">{problem}</span>}
      <input class="address" type="email" required aria-label="Address for a test mail" placeholder="me@example.com" value={to} onInput={(e) => setTo(e.currentTarget.value)} />
      <Button type="submit" icon="mail" label="Send a test" />
    </form>
  )
}

export function Outbox() {
  const status = useStatus()
  const list = useData('outbox', api.outbox, 10e3, ['outbox'])
  const dead = list.data?.filter((m) => m.state === 'failed') ?? []
  return (
    <Page title="Monitors" tabs={monitorTabs('outbox')} actions={<TestMail done={list.reload} />}>
      {dead.length > 0 && (
        <div class="failure" role="alert">
          <span>{plural(dead.length, 'message')} did not reach anybody. Mend the cause, then <button type="button" class="link" onClick={() => void Promise.all(dead.map((m) => api.retryMail(m.id))).then(list.reload, list.reload)}>try {dead.length === 1 ? 'it' : 'them'} again</button>.</span>
        </div>
      )}
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data?.length === 0 && (
        <Panel>
          <Empty title="No mails yet" action={<LinkButton kind="primary" icon="plus" href={link('/monitors/new')} label="New monitor" />}>
            {status?.smtp ? 'Every mail that Whippet sends is listed here.' : 'No mail server is configured: mails are kept here to be read.'}
          </Empty>
        </Panel>
      )}
      {list.data && list.data.length > 0 && (
        <Panel flush title={plural(list.data.length, 'mail')} actions={status && !status.smtp ? <span class="muted">no mail server is configured</span> : undefined}>
          <div class="scroll">
            <table>
              <thead><tr><th>State</th><th>Subject</th><th>To</th><th>Written</th></tr></thead>
              <tbody>
                {list.data.map((m) => (
                  <tr key={m.id}>
                    <td class="nowrap"><MailState mail={m} /></td>
                    <td>{m.state === 'failed' && <button type="button" class="link small" onClick={() => void api.retryMail(m.id).then(list.reload, list.reload)}>Retry</button>} <a href={link(`/outbox/${m.id}`)}>{m.subject}</a>{m.last_error && <div class="field-error">{m.last_error}{m.attempts > 1 && ` (${plural(m.attempts, 'attempt')})`}</div>}</td>
                    <td class="muted">{m.to.join(', ')}</td>
                    <td class="nowrap"><Moment ms={m.created} /></td>
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

export function MailPage({ id }: { id: number }) {
  const mail = useData(`mail ${id}`, () => api.mail(id))
  const { data } = mail
  return (
    <Page
      title={data?.subject ?? 'Mail'}
      crumbs={[['Outbox', '/outbox']]}
      actions={data && <a class="button" href={`/api/ui/outbox/${id}/eml`} download={`mail-${id}.eml`}>Download .eml</a>}
    >
      {mail.error && !data && <Failure error={mail.error} retry={mail.error.status === 404 ? undefined : mail.reload} />}
      {data && (
        <>
          <Panel>
            <dl class="facts">
              <dt>State</dt>
              <dd><MailState mail={data} />{data.last_error && <div class="field-error">{data.last_error}</div>}</dd>
              <dt>To</dt>
              <dd>{data.to.join(', ')}</dd>
              <dt>Written</dt>
              <dd><Moment ms={data.created} /></dd>
              {data.monitor_id ? (
                <>
                  <dt>Monitor</dt>
                  <dd><a href={link(`/monitors/${data.monitor_id}`)}>monitor {data.monitor_id}</a></dd>
                </>
              ) : null}
            </dl>
          </Panel>
          {data.webhook ? <Panel title="What the webhook is sent"><pre class="message">{data.text}</pre></Panel> : <Panel flush label="The mail"><MailFrame html={data.html} title={data.subject} height={640} /></Panel>}
        </>
      )}
    </Page>
  )
}
