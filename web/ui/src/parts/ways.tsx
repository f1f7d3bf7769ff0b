// Lines to copy, in several ways of doing the same.
import { useState } from 'preact/hooks'
import type { Setup } from '../setups'
import { Button, CopyButton } from './basics'

export function Lines({ text }: { text: string }) {
  return (
    <div class="lines">
      <pre tabIndex={0}>{text}</pre>
      <CopyButton bare text={text} />
    </div>
  )
}

export function Ways({ ways, note }: { ways: [string, string][]; note: string }) {
  const [chosen, setChosen] = useState(0)
  return (
    <div class="spaced">
      <div class="actions">
        {ways.map(([name], i) => <Button key={name} kind={i === chosen ? '' : 'quiet'} pressed={i === chosen} label={name} onClick={() => setChosen(i)} />)}
      </div>
      <Lines text={ways[chosen][1]} />
      {note && <p class="muted">{note}</p>}
    </div>
  )
}

export const SetupWays = ({ setup }: { setup: Setup }) => (setup.off ? <p>{setup.off}</p> : <Ways ways={setup.ways} note={setup.note} />)
