// What was undone can be done again.
import { useReducer } from 'preact/hooks'

interface Kept<T> {
  past: T[]
  now: T
  future: T[]
  tag: string // of the last change; one more with the same tag joins it
}

export interface History<T> {
  now: T
  set: (next: T, tag?: string) => void
  reset: (value: T) => void
  undo: () => void
  redo: () => void
  canUndo: boolean
  canRedo: boolean
}

const most = 200

type Step<T> = { kind: 'set'; next: T; tag: string } | { kind: 'reset'; next: T } | { kind: 'undo' } | { kind: 'redo' }

export function step<T>(h: Kept<T>, s: Step<T>): Kept<T> {
  switch (s.kind) {
    case 'reset':
      return { past: [], now: s.next, future: [], tag: '' }
    case 'set':
      if (s.next === h.now) return h
      if (s.tag && s.tag === h.tag) return { ...h, now: s.next, future: [] }
      return { past: [...h.past.slice(-most), h.now], now: s.next, future: [], tag: s.tag }
    case 'undo':
      return h.past.length ? { past: h.past.slice(0, -1), now: h.past[h.past.length - 1], future: [h.now, ...h.future], tag: '' } : h
    case 'redo':
      return h.future.length ? { past: [...h.past, h.now], now: h.future[0], future: h.future.slice(1), tag: '' } : h
  }
}

export function useHistory<T>(first: T): History<T> {
  const [h, act] = useReducer<Kept<T>, Step<T>>(step, { past: [], now: first, future: [], tag: '' })
  return {
    now: h.now,
    set: (next, tag = '') => act({ kind: 'set', next, tag }),
    reset: (next) => act({ kind: 'reset', next }),
    undo: () => act({ kind: 'undo' }),
    redo: () => act({ kind: 'redo' }),
    canUndo: h.past.length > 0,
    canRedo: h.future.length > 0,
  }
}
