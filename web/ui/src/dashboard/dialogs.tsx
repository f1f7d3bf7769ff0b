// The dialogs of a dashboard: copies in other forms and to other places, import,
// and what happens when two people change one dashboard.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Dashboard, Widget } from '../model'
import { useData } from '../data'
import { Button, CopyButton, Dialog, Failure, Field, Moment } from '../parts/basics'
import { go, link } from '../route'
import { added, exported, unnumbered, type Board } from './edits'
import { boardOf, download, fileName, imported, metricsQLOf, shownJSON, terraform } from './forms'

interface Form {
  name: string
  text: string
  file: string
  type: string
}

// CopyAs shows a document in the forms that it has, to copy or download.
function CopyAs({ title, forms, onClose }: { title: string; forms: Form[]; onClose: () => void }) {
  const [at, setAt] = useState(0)
  const form = forms[at]
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="spaced">
        <div class="segments" role="group" aria-label="Form">
          {forms.map((f, i) => <button key={f.name} type="button" aria-pressed={i === at} onClick={() => setAt(i)}>{f.name}</button>)}
        </div>
        <pre class="export-text mono" tabIndex={0}>{form.text}</pre>
        <div class="actions end">
          <Button icon="download" label="Download" onClick={() => download(form.file, form.text, form.type)} />
          <CopyButton text={form.text} />
        </div>
      </div>
    </Dialog>
  )
}

const json = 'application/json'

export function CopyBoardAs({ board, onClose }: { board: Board; onClose: () => void }) {
  const title = board.title ?? ''
  return (
    <CopyAs
      title="Copy the dashboard as"
      onClose={onClose}
      forms={[
        { name: 'API JSON', text: shownJSON(exported(board)), file: fileName(title, 'json'), type: json },
        { name: 'Terraform', text: terraform(board), file: fileName(title, 'tf'), type: 'text/plain' },
      ]}
    />
  )
}

export function CopyWidgetAs({ widget, onClose }: { widget: Widget; onClose: () => void }) {
  const title = widget.definition.title || widget.definition.type
  const said = metricsQLOf(widget)
  return (
    <CopyAs
      title="Copy the graph as"
      onClose={onClose}
      forms={[
        { name: 'API JSON', text: shownJSON(unnumbered(widget)), file: fileName(title, 'json'), type: json },
        { name: 'Terraform', text: terraform(boardOf(widget)), file: fileName(title, 'tf'), type: 'text/plain' },
        ...(said ? [{ name: 'MetricsQL', text: said, file: fileName(title, 'txt'), type: 'text/plain' }] : []),
      ]}
    />
  )
}

// CopyTo puts a copy of a widget on another dashboard.
export function CopyTo({ widget, present, onClose, onDone }: { widget: Widget; present: string; onClose: () => void; onDone: (said: string) => void }) {
  const list = useData('dashboards', api.dashboards)
  const [target, setTarget] = useState('')
  const [error, setError] = useState<Error | null>(null)
  const others = (list.data ?? []).filter((d) => d.id !== present && !d.is_read_only)
  const copy = async (e: Event) => {
    e.preventDefault()
    try {
      const board = await api.dashboard(target || others[0].id)
      await api.saveDashboard(added(board, unnumbered(widget)))
      onDone(`Copied to ${board.title}`)
      onClose()
    } catch (cause) {
      setError(cause as Error)
    }
  }
  return (
    <Dialog title="Copy to another dashboard" onClose={onClose}>
      {list.error && <Failure error={list.error} retry={list.reload} />}
      {list.data && others.length === 0 && <p>There is no other dashboard to copy to.</p>}
      {others.length > 0 && (
        <form class="spaced" onSubmit={copy}>
          <Field label="Dashboard" wide error={error?.message}>
            <select value={target || others[0].id} onChange={(e) => setTarget(e.currentTarget.value)}>
              {others.map((d) => <option key={d.id} value={d.id}>{d.title}</option>)}
            </select>
          </Field>
          <div class="actions end"><Button kind="primary" type="submit" icon="copy" label="Copy" /></div>
        </form>
      )}
    </Dialog>
  )
}

// ImportDialog reads a dashboard's JSON, pasted or from a file. It makes a new
// dashboard of it, unless onBoard says otherwise.
export function ImportDialog({ onClose, onBoard }: { onClose: () => void; onBoard?: (board: Board) => void }) {
  const [text, setText] = useState('')
  const [problem, setProblem] = useState('')
  const submit = async (e: Event) => {
    e.preventDefault()
    try {
      const board = imported(text)
      if (onBoard) {
        onBoard(board)
        onClose()
        return
      }
      const made = await api.saveDashboard(board)
      go(link(made.url))
    } catch (cause) {
      setProblem((cause as Error).message)
    }
  }
  const take = async (file: File | undefined) => {
    if (!file) return
    setText(await file.text())
    setProblem('')
  }
  return (
    <Dialog title={onBoard ? 'Import into this dashboard' : 'Import a dashboard'} onClose={onClose}>
      <form
        class="spaced"
        onSubmit={submit}
        onDragOver={(e) => e.preventDefault()}
        onDrop={(e) => {
          e.preventDefault()
          void take(e.dataTransfer?.files[0])
        }}
      >
        <p class="muted">{onBoard ? 'Replaces what is on this dashboard; nothing is kept until you save.' : 'Takes what Datadog exports (“Export dashboard JSON”), what its API answers, and what is exported here.'}</p>
        <Field label="JSON" wide error={problem}>
          <textarea class="mono code-area" rows={12} spellcheck={false} required placeholder={'{"title": …, "layout_type": "ordered", "widgets": […]}'} value={text} onInput={(e) => (setText(e.currentTarget.value), setProblem(''))} />
        </Field>
        <div class="actions">
          <label class="button file-button">
            Choose a file
            <input type="file" class="visually-hidden" accept=".json,application/json" onChange={(e) => void take(e.currentTarget.files?.[0])} />
          </label>
          <span class="grow" />
          <Button kind="primary" type="submit" icon="upload" label="Import" disabled={!text.trim()} />
        </div>
      </form>
    </Dialog>
  )
}

// Conflict asks what to do when somebody else saved the dashboard meanwhile.
export function Conflict({ theirs, onClose, onOverwrite, onCopy, onTheirs }: { theirs: Dashboard; onClose: () => void; onOverwrite: () => void; onCopy: () => void; onTheirs: () => void }) {
  return (
    <Dialog title="Changed meanwhile" onClose={onClose}>
      <p>
        “{theirs.title}” was saved by somebody else{theirs.modified_at && <> <Moment ms={Date.parse(theirs.modified_at)} ago /></>}, after you began to edit it. Your changes are not saved yet.
      </p>
      <div class="actions end">
        <Button label="Show theirs" kind="danger" onClick={onTheirs} />
        <Button label="Save mine as a copy" icon="copy" onClick={onCopy} />
        <Button label="Replace theirs" kind="primary" onClick={onOverwrite} />
      </div>
    </Dialog>
  )
}

// Leaving asks whether changes may be lost.
export function Leaving({ onStay, onLeave }: { onStay: () => void; onLeave: () => void }) {
  return (
    <Dialog title="Leave without saving?" onClose={onStay}>
      <p>The changes to this dashboard are not saved.</p>
      <div class="actions end">
        <Button label="Leave" kind="danger" onClick={onLeave} />
        <Button label="Stay" kind="primary" onClick={onStay} />
      </div>
    </Dialog>
  )
}
