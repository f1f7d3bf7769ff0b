// A month of days, to choose the first and the last of a time range.
import { useRef, useState } from 'preact/hooks'
import { now } from '../clock'
import { Button } from './basics'

const names = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
const weekdays = ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su']

const dayOf = (ms: number) => new Date(ms).setHours(0, 0, 0, 0)
const after = (day: number, days: number) => {
  const d = new Date(day)
  return new Date(d.getFullYear(), d.getMonth(), d.getDate() + days).getTime()
}

// daysOf are the days of the weeks that a month touches, from Monday on.
export function daysOf(month: number): number[] {
  const d = new Date(month)
  const first = new Date(d.getFullYear(), d.getMonth(), 1).getTime()
  const last = new Date(d.getFullYear(), d.getMonth() + 1, 0).getTime()
  const days: number[] = []
  for (let day = after(first, -((new Date(first).getDay() + 6) % 7)); day <= last || days.length % 7; day = after(day, 1)) days.push(day)
  return days
}

const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }

export function Calendar({ from, to, choose }: { from: number; to: number; choose: (from: number, to: number) => void }) {
  const [month, setMonth] = useState(dayOf(to))
  const [first, setFirst] = useState<number | null>(null)
  const [at, setAt] = useState(dayOf(to)) // the day that has, or would get, the focus
  const [over, setOver] = useState<number | null>(null)
  const grid = useRef<HTMLDivElement>(null)
  const today = dayOf(now())
  const shown = new Date(month)
  const days = daysOf(month)
  const turn = (by: number) => setMonth(new Date(shown.getFullYear(), shown.getMonth() + by, 1).getTime())
  const ends = first === null ? [dayOf(from), dayOf(to - 1)] : [first, over ?? first].sort((a, b) => a - b)
  const pick = (day: number) => {
    if (first === null) return setFirst(day)
    const [a, b] = [first, day].sort((x, y) => x - y)
    choose(a, Math.min(after(b, 1), now()))
  }
  const onKeyDown = (e: KeyboardEvent) => {
    const step = steps[e.key]
    if (!step) return
    e.preventDefault()
    const next = Math.min(after(at, step), today)
    setAt(next)
    setOver(next)
    if (new Date(next).getMonth() !== shown.getMonth()) setMonth(next)
    setTimeout(() => grid.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus())
  }
  const focusable = days.includes(at) ? at : days.find((d) => new Date(d).getMonth() === shown.getMonth())
  return (
    <div class="calendar">
      <div class="calendar-head">
        <Button bare kind="quiet" icon="back" label="Month before" onClick={() => turn(-1)} />
        <span aria-live="polite">{names[shown.getMonth()]} {shown.getFullYear()}</span>
        <Button bare kind="quiet" icon="forward" label="Month after" onClick={() => turn(1)} disabled={after(days[days.length - 1], 1) > today} />
      </div>
      <div ref={grid} class="calendar-days" role="group" aria-label="Days" onKeyDown={onKeyDown}>
        {weekdays.map((w) => <span key={w} class="muted" aria-hidden="true">{w}</span>)}
        {days.map((day) => {
          const d = new Date(day)
          const inside = day >= ends[0] && day <= ends[1]
          return (
            <button
              key={day}
              type="button"
              class={[inside ? 'inside' : '', day === today ? 'today' : '', d.getMonth() === shown.getMonth() ? '' : 'beside'].join(' ')}
              disabled={day > today}
              tabIndex={day === focusable ? 0 : -1}
              aria-pressed={inside}
              aria-label={`${names[d.getMonth()]} ${d.getDate()}, ${d.getFullYear()}`}
              onClick={() => (setAt(day), pick(day))}
              onMouseEnter={() => first !== null && setOver(day)}
            >
              {d.getDate()}
            </button>
          )
        })}
      </div>
      <p class="field-hint" role="status">{first === null ? 'Choose the first day, then the last.' : 'And the last day: the same one again for that day alone.'}</p>
    </div>
  )
}
