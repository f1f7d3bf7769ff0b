import { api } from '../api'
import { Page } from '../app'
import { useData, useTick } from '../hooks'
import { MailFrame } from '../mail-frame'
import { Empty, Failure, Panel } from '../parts'
import { setParams, useRoute } from '../route'
import { showTime } from '../time'

const words: Record<string, string> = { queued: 'waiting to be sent', sent: 'sent', kept: 'kept: no mail server is configured', failed: 'failed' }

export function OutboxPage() {
  const { params } = useRoute()
  const picked = Number(params.get('mail')) || 0
  const tick = useTick(10e3)
  const loaded = useData(() => api.outbox(), [tick])
  const mail = useData(async () => (picked ? api.mail(picked) : undefined), [picked])
  return (
    <Page title="Outbox" bar={<a class="button" href="/monitors">Monitors</a>}>
      <Failure error={loaded.error} />
      <div class="columns outbox">
        <Panel>
          {loaded.data?.length === 0 ? <Empty><p>Mails of monitors and downtimes are listed here, sent or not.</p></Empty> : (
            <ul class="mails">
              {(loaded.data ?? []).map((m) => (
                <li class={m.id === picked ? 'chosen' : ''}>
                  <button class="plain" onClick={() => setParams({ mail: String(m.id) })}><b>{m.subject}</b></button>
                  <small>{showTime(m.created, true)} to {m.to.join(', ') || 'nobody'}</small>
                  <small class={m.state === 'failed' ? 'bad' : ''}>{words[m.state] ?? m.state}{m.attempts > 1 ? `, ${m.attempts} attempts` : ''}{m.last_error ? `: ${m.last_error}` : ''}</small>
                </li>
              ))}
            </ul>
          )}
        </Panel>
        {picked > 0 && (
          <Panel title={mail.data?.subject} actions={<a href={`/api/ui/outbox/${picked}/eml`} download>Download .eml</a>}>
            <Failure error={mail.error} />
            {mail.data && <MailFrame html={mail.data.html} title={mail.data.subject} />}
          </Panel>
        )}
      </div>
    </Page>
  )
}
