// Dark or light: as the system says, unless the reader chose.
import { useEffect, useState } from 'preact/hooks'

export type Choice = 'system' | 'light' | 'dark'

const key = 'whippet-theme'
const changed = 'whippet:theme'
const system = matchMedia('(prefers-color-scheme: dark)')

export function choice(): Choice {
  const kept = localStorage.getItem(key)
  return kept === 'light' || kept === 'dark' ? kept : 'system'
}

let darkened = false // for a while, whatever was chosen

const isDark = () => darkened || (choice() === 'system' ? system.matches : choice() === 'dark')

// useDark makes all dark while a view is there.
export function useDark(): void {
  useEffect(() => {
    darkened = true
    applyTheme()
    return () => {
      darkened = false
      applyTheme()
    }
  }, [])
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light'
  dispatchEvent(new Event(changed))
}

export function choose(theme: Choice): void {
  if (theme === 'system') localStorage.removeItem(key)
  else localStorage.setItem(key, theme)
  applyTheme()
}

system.addEventListener('change', applyTheme)

// useTheme draws again when the theme changes: canvases keep no style sheet.
export function useTheme(): 'dark' | 'light' {
  const [dark, setDark] = useState(isDark)
  useEffect(() => {
    const update = () => setDark(isDark())
    addEventListener(changed, update)
    return () => removeEventListener(changed, update)
  }, [])
  return dark ? 'dark' : 'light'
}
