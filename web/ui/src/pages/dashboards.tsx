// The list of dashboards.
import { useState } from 'preact/hooks'
import { api } from '../api'
import { useData } from '../data'
import { newDashboard } from '../dashboard/document'
import { go, link, setParams } from '../route'
import { Button, Dialog, Empty, Failure, Field, Moment, Panel, SearchField } from '../parts/basics'
import { Page } from '../parts/frame'

export function Dashboards({ params }: { params: URLSearchParams }) {
  const list = useData('dashboards', api.dashboards, 0, ['dashboards'])
  const search = params.get('search') ?? ''
  const found = list.data?.filter((d) => d.title.toLowerCase().includes(search.toLowerCase()))
  const create = <Button kind="primary" icon="plus" label="New dashboard" onClick={() => setParams({ new: '1' })} />
  return (
    <Page title="Dashboards" actions={list.data?.length ? create : undefined}>
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data?.length === 0 && (
        <Panel>
          <Empty title="No dashboards yet" action={create}>A dashboard keeps graphs together. Scripts and Terraform make them by POST /api/v1/dashboard.</Empty>
        </Panel>
      )}
      {found && list.data!.length > 0 && (
        <Panel flush title="All dashboards" loading={list.loading} actions={<SearchField value={search} label="Find a dashboard" onInput={(text) => setParams({ search: text || null }, true)} />}>
          <div class="scroll">
            <table>
              <thead><tr><th>Title</th><th>Description</th><th>Changed</th></tr></thead>
              <tbody>
                {found.map((d) => (
                  <tr key={d.id}>
                    <td><a href={link(d.url)}>{d.title}</a></td>
                    <td class="muted">{d.description}</td>
                    <td class="nowrap">{d.modified_at && <Moment ms={Date.parse(d.modified_at)} ago />}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {found.length === 0 && <Empty title={`No dashboard matches “${search}”`} />}
        </Panel>
      )}
      {params.has('new') && <NewDialog onClose={() => setParams({ new: null }, true)} />}
    </Page>
  )
}

function NewDialog({ onClose }: { onClose: () => void }) {
  const [title, setTitle] = useState('')
  const [error, setError] = useState<Error | null>(null)
  const create = async (e: Event) => {
    e.preventDefault()
    try {
      const made = await api.saveDashboard(newDashboard(title.trim()))
      go(link(made.url, { edit: '1' }), true)
    } catch (cause) {
      setError(cause as Error)
    }
  }
  return (
    <Dialog title="New dashboard" onClose={onClose}>
      <form class="form" onSubmit={create}>
        <Field label="Title" wide error={error?.message}>
          <input required value={title} onInput={(e) => setTitle(e.currentTarget.value)} ref={(e) => e?.focus()} />
        </Field>
        <div class="actions end field wide"><Button kind="primary" type="submit" label="Create" /></div>
      </form>
    </Dialog>
  )
}
