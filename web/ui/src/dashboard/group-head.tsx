// The head of a group of widgets.
import type { ComponentChildren } from 'preact'
import type { Widget } from '../model'
import { Button, Confirm } from '../parts/basics'
import { Icon } from '../parts/icon'

// Datadog's colours of groups, as hues that both themes know.
const hues = new Map(Object.entries({
  vivid_blue: '#4c78e0', blue: '#4c78e0', vivid_purple: '#945ecf', purple: '#945ecf', vivid_pink: '#ed4a7b', pink: '#ed4a7b',
  vivid_orange: '#e8743b', orange: '#e8743b', vivid_yellow: '#bf9b30', yellow: '#bf9b30', vivid_green: '#19a979', green: '#19a979', gray: '#6c8893',
}))

export function GroupHead({ widget, grip, open, onToggle, editing }: {
  widget: Widget
  grip: ComponentChildren
  open: boolean
  onToggle: () => void
  editing?: { rename: (title: string) => void; add: () => void; remove: () => void }
}) {
  const { title, background_color, widgets = [] } = widget.definition
  const hue = hues.get(String(background_color))
  return (
    <header class={`group-head ${hue ? 'hued' : ''}`} style={hue ? { '--hue': hue } : undefined}>
      {grip}
      <button type="button" class="group-toggle" aria-expanded={open} aria-label={`${open ? 'Fold' : 'Unfold'} ${title || 'group'}`} onClick={onToggle}><Icon name={open ? 'down' : 'forward'} size={16} /></button>
      {editing
        ? <input aria-label="Title of the group" value={title ?? ''} onInput={(e) => editing.rename(e.currentTarget.value)} />
        : <h2>{title}</h2>}
      {!open && <span class="muted small">{widgets.length} folded</span>}
      {editing && (
        <div class="actions">
          <Button bare kind="quiet" icon="plus" label="Add a widget to the group" onClick={editing.add} />
          {widgets.length === 0 ? <Button bare kind="quiet" icon="remove" label="Remove the group" onClick={editing.remove} /> : <Confirm icon="remove" label="Remove group" question={`Remove “${title}” and the ${widgets.length} graphs in it? Undo brings them back.`} onConfirm={editing.remove} />}
        </div>
      )}
    </header>
  )
}
