// The mail of each state, as the monitor would send it.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Monitor } from '../model'
import { useData } from '../data'
import { Button, Failure, Panel } from '../parts/basics'
import { MailFrame } from '../parts/mail-frame'

// TestSend sends the mail of a state, marked as a test.
function TestSend({ monitor, state, named }: { monitor: Partial<Monitor>; state: string; named: boolean }) {
  const [to, setTo] = useState('')
  const [said, setSaid] = useState<{ ok: boolean; text: string } | null>(null)
  const send = () =>
    void api.testMonitor(monitor, [state], to.trim() ? to.split(/[\s,]+/) : []).then(
      () => setSaid({ ok: true, text: 'On its way; the outbox shows how far it is.' }),
      (e: Error) => setSaid({ ok: false, text: e.message }),
    )
  return (
    <div class="actions">
      <input class="address" type="text" aria-label="Addresses for the test, instead of those in the message" placeholder={named ? 'to those in the message' : 'me@example.com'} value={to} onInput={(e) => setTo(e.currentTarget.value)} />
      <Button icon="mail" label="Send as a test" onClick={send} disabled={!named && !to.trim()} />
      {said && <span class={said.ok ? 'muted' : 'field-error'} role="status">{said.text}</span>}
    </div>
  )
}

export function MailPreviews({ monitor }: { monitor: Partial<Monitor> }) {
  const { name, query, message, options, tags, type, priority } = monitor
  const doc = { name, query, message, options, tags, type, priority }
  const preview = useData(JSON.stringify(doc), () => api.previewMonitor(doc))
  const [chosen, setChosen] = useState(0)
  const states = preview.data ?? []
  const mail = states[Math.min(chosen, states.length - 1)]
  return (
    <Panel
      title="Mails it would send"
      loading={preview.loading}
      actions={
        <div class="segments" role="group" aria-label="State">
          {states.map((s, i) => <button key={s.state} type="button" aria-pressed={s === mail} onClick={() => setChosen(i)}>{s.state}</button>)}
        </div>
      }
    >
      {preview.error ? <Failure error={preview.error} /> : mail && (
        <div class="spaced">
          <p><b>{mail.subject}</b><br /><span class="muted">{mail.to.length ? `to ${mail.to.join(', ')}` : 'to nobody: the message names no @address in this state'}</span></p>
          {mail.unheard && <p class="warn-text" role="status">{mail.unheard.join(', ')} {mail.unheard.length > 1 ? 'reach' : 'reaches'} nobody: {mail.unheard.length > 1 ? 'they are' : 'it is'} neither a mail address nor a webhook.</p>}
          <MailFrame html={mail.html} title={`Mail for ${mail.state}`} />
          <TestSend monitor={doc} state={mail.state} named={mail.to.some((to) => !to.startsWith('@'))} />
        </div>
      )}
    </Panel>
  )
}
