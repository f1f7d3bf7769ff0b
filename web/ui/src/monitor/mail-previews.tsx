// The mail of each state, as the monitor would send it.
import { useState } from 'preact/hooks'
import { api, type Monitor } from '../api'
import { useData } from '../data'
import { Failure, Panel } from '../parts/basics'
import { MailFrame } from '../parts/mail-frame'

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
          <MailFrame html={mail.html} title={`Mail for ${mail.state}`} />
        </div>
      )}
    </Panel>
  )
}
