// The built-in dashboards: each is there while the metrics that it shows are.
import type { Dashboard } from '../model'
import { Empty, Panel } from '../parts/basics'
import { link } from '../route'

export function BuiltIn({ boards }: { boards: Dashboard[] }) {
  return (
    <Panel title="Built-in dashboards">
      {boards.length === 0 && <Empty title="None yet">They appear when the metrics that they show arrive: those of hosts, PostgreSQL, DogStatsD clients, GPUs, and Whippet's own.</Empty>}
      <ul class="builtin">
        {boards.map((d) => (
          <li key={d.id}>
            <a href={link(d.url)}>
              <b>{d.title}</b>
              <span class="muted">{d.description}</span>
            </a>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
