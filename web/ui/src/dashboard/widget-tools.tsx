// What can be done with one widget: its menu, and the dialogs behind it.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Widget } from '../model'
import { Menu } from '../parts/menu'
import { useRange } from '../range'
import { link } from '../route'
import { may, useSession } from '../session'
import { CopyTo, CopyWidgetAs } from './dialogs'
import { explored, thresholdsOf } from './document'
import { SnapshotDialog } from './snapshot'
import { csvOf, download, fileName, questionsOf } from './forms'

// WidgetDeeds are what changes the dashboard; absent where nothing may change.
export interface WidgetDeeds {
  edit: () => void
  duplicate: () => void
  remove: () => void
  moves: { label: string; do: () => void }[] // into groups, and out of them
}

export function WidgetMenu({ widget, filled, boardID, onFull, deeds, editing, tell }: {
  widget: Widget // as the document has it
  filled: Widget // with the values of template variables
  boardID: string
  onFull: () => void
  deeds?: WidgetDeeds
  editing: boolean
  tell: (what: string) => void // seen by all
}) {
  const range = useRange()
  const [open, setOpen] = useState<'as' | 'to' | 'snapshot' | null>(null)
  const asked = questionsOf(filled)
  const sender = may(useSession(), 'editor')
  const pictured = filled.definition.type === 'timeseries' ? asked : []
  const name = widget.definition.title || asked[0]?.query || widget.definition.type
  const csv = async () => {
    try {
      const answers = await Promise.all(asked.map((a) => api.query(a.query, a.lang ?? 'datadog', range.from, range.to)))
      download(fileName(name, 'csv'), csvOf(answers.flat()), 'text/csv')
    } catch (cause) {
      tell((cause as Error).message)
    }
  }
  return (
    <>
      <Menu
        label={`What to do with ${name}`}
        items={[
          { label: 'Full screen', icon: 'expand', do: onFull },
          asked.length > 0 && { label: 'Explore its metrics', icon: 'search', href: link('/metrics/explorer', explored(asked)) },
          deeds && null,
          deeds && !editing && { label: 'Edit', icon: 'edit', do: deeds.edit },
          deeds && { label: 'Duplicate', icon: 'copy', do: deeds.duplicate },
          deeds && { label: 'Copy to another dashboard', icon: 'dashboards', do: () => setOpen('to') },
          ...(deeds && editing ? deeds.moves.map((m) => ({ label: m.label, icon: 'forward' as const, do: m.do })) : []),
          null,
          pictured.length > 0 && sender && { label: 'Send snapshot…', icon: 'camera', do: () => setOpen('snapshot') },
          { label: 'Copy as JSON, Terraform, …', icon: 'copy', do: () => setOpen('as') },
          asked.length > 0 && { label: 'Download CSV', icon: 'download', do: () => void csv() },
          deeds && editing && null,
          deeds && editing && { label: 'Remove', icon: 'remove', danger: true, do: deeds.remove },
        ]}
      />
      {open === 'as' && <CopyWidgetAs widget={widget} onClose={() => setOpen(null)} />}
      {open === 'snapshot' && <SnapshotDialog title={name} requests={pictured} thresholds={thresholdsOf(filled.definition.markers)} onClose={() => setOpen(null)} />}
      {open === 'to' && <CopyTo widget={widget} present={boardID} onClose={() => setOpen(null)} onDone={tell} />}
    </>
  )
}

