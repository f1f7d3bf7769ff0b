// Pictures and pages of other sites. Which may be shown, the server decides: its
// content policy holds the browser to the list.
import { api } from '../api'
import { useData } from '../data'
import { Empty } from '../parts/basics'
import { useTheme } from '../theme'
import { isAllowed, originOf } from './embed-list'
import { WidgetPanel, type WidgetProps } from './widget-panel'

// useAllowed is whether an address may be shown; own: also of this server.
function useAllowed(address: string | undefined, own: boolean): 'yes' | 'no' | 'wait' | 'wrong' {
  const status = useData('embed', api.status)
  const origin = originOf(address)
  if (!origin) return 'wrong'
  // Where the list can't be read, as on a shared dashboard, the policy alone decides.
  if (status.error && !status.data) return 'yes'
  return !status.data ? 'wait' : (own && origin === location.origin) || isAllowed(origin, status.data.embed) ? 'yes' : 'no'
}

function Refused({ what, address, wrong }: { what: string; address: string; wrong: boolean }) {
  if (wrong) return <Empty title={`There is no ${what} to show`}>The address is to begin with https://.</Empty>
  return (
    <Empty title={`${what === 'page' ? 'Pages' : 'Pictures'} of ${originOf(address)} are not shown here`} action={<a href={address} target="_blank" rel="noreferrer">Open it</a>}>
      To show them, start whippet with <code>--embed {originOf(address)}</code>.
    </Empty>
  )
}

const fits: Record<string, string> = { fit: 'contain', contain: 'contain', cover: 'cover', fill: 'fill', zoom: 'cover', center: 'none', 'scale-down': 'scale-down', none: 'none' }
const sides: Record<string, string> = { left: 'left', right: 'right', center: 'center', top: 'top', bottom: 'bottom' }
const margins: Record<string, number> = { small: 4, sm: 4, medium: 8, md: 8, large: 16, lg: 16 }

export function Picture(props: WidgetProps) {
  const { definition: d } = props
  const dark = useTheme() === 'dark'
  const address = (dark && d.url_dark_theme) || d.url
  const allowed = useAllowed(address, true)
  return (
    <WidgetPanel {...props} flush>
      {allowed === 'yes' ? (
        <img
          class="picture" src={address} alt={d.title || 'Picture'}
          style={{ objectFit: fits[d.sizing ?? ''] ?? 'contain', objectPosition: `${sides[d.horizontal_align ?? ''] ?? 'center'} ${sides[d.vertical_align ?? ''] ?? 'center'}`, padding: `${margins[d.margin ?? ''] ?? 0}px` }}
        />
      ) : allowed !== 'wait' && <Refused what="picture" address={address ?? ''} wrong={allowed === 'wrong'} />}
    </WidgetPanel>
  )
}

export function Page(props: WidgetProps) {
  const { definition: d } = props
  const allowed = useAllowed(d.url, false)
  return (
    <WidgetPanel {...props} flush>
      {allowed === 'yes' ? (
        <iframe class="page-frame" src={d.url} title={d.title || d.url} sandbox="allow-scripts allow-same-origin allow-forms allow-popups" referrerpolicy="no-referrer" loading="lazy" />
      ) : allowed !== 'wait' && <Refused what="page" address={d.url ?? ''} wrong={allowed === 'wrong'} />}
    </WidgetPanel>
  )
}
