// The entry: the theme first, so that nothing flashes, then the page of the URL.
import { render } from 'preact'
import { App } from './app'
import { applyTheme } from './theme'
import './styles/base.css'
import './styles/frame.css'
import './styles/graph.css'
import './styles/pages.css'
import './styles/widgets.css'
import './styles/apm.css'
import './styles/anomaly.css'
import './styles/boards.css'
import './styles/dashboard.css'

applyTheme()
render(<App />, document.getElementById('app')!)
