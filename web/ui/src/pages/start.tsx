// Every way of sending data here, with the lines to copy.
import { link } from '../route'
import { Panel } from '../parts/basics'
import { Page, useStatus } from '../parts/frame'
import { SetupWays } from '../parts/ways'
import { useSession } from '../session'
import { setupsOf } from '../setups'

export function Start() {
  const status = useStatus()
  const session = useSession()
  return (
    <Page title="Send data here" crumbs={[['Home', '/']]}>
      {session.required && (
        <p>
          Senders need an API key: make one at <a href={link('/settings/keys')}>Settings, API keys</a>.
        </p>
      )}
      <div class="columns">
        {status && setupsOf(status, session.required).map((setup) => (
          <Panel key={setup.id} title={setup.title}>
            <SetupWays setup={setup} />
          </Panel>
        ))}
      </div>
    </Page>
  )
}
