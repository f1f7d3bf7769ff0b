// The colours that widgets name: palettes of lines and maps, and those of
// figures that meet a condition.

// Steps from little to much of Datadog's named palettes, in our tokens' spirit.
const named: Record<string, string[]> = {
  cool: ['#13a4b4', '#4c78e0', '#19a979', '#525df4', '#6c8893', '#945ecf'],
  warm: ['#e8743b', '#ed4a7b', '#bf9b30', '#ee6868', '#d9a066', '#c2557a'],
  purple: ['#945ecf', '#b48be0', '#7440ad', '#c9aceb', '#5a2f8a', '#a473d8'],
  orange: ['#e8743b', '#f09c70', '#c2551f', '#f5bd9f', '#99410f', '#ec8850'],
  gray: ['#6c8893', '#93a8b0', '#506871', '#b4c3c9', '#3b4d54', '#7f98a2'],
  grey: ['#6c8893', '#93a8b0', '#506871', '#b4c3c9', '#3b4d54', '#7f98a2'],
  red: ['#d92d20', '#ee6868', '#a81f15', '#f4a19c', '#7d1610', '#e5483d'],
  green: ['#19a979', '#4fc79d', '#10805b', '#8fdcc0', '#0b5f43', '#2fb98a'],
  blue: ['#4c78e0', '#7d9dea', '#2f59bd', '#abc0f2', '#214391', '#5f87e4'],
}

// lineColors are the colours of a palette; undefined: each series' own.
export const lineColors = (name: unknown): string[] | undefined => (typeof name === 'string' ? named[name] : undefined)

const ramps: Record<string, string[]> = {
  green_to_orange: ['#19a979', '#7fb356', '#bf9b30', '#d98836', '#e8743b'],
  yellow_to_green: ['#f2d35b', '#b9c85e', '#80bd64', '#4cb26f', '#19a979'],
  YlOrRd: ['#fde68a', '#fbbf4a', '#f08a3c', '#e0562f', '#b42318'],
  hostmap_blues: ['#dbe4ff', '#a9bdf7', '#7896ec', '#4c6fdd', '#2743a8'],
  Blues: ['#dbe4ff', '#a9bdf7', '#7896ec', '#4c6fdd', '#2743a8'],
  Greens: ['#d3f2e5', '#9adfc2', '#5fc89b', '#2ba678', '#0f7653'],
  Purples: ['#eadcf9', '#cdb0ee', '#ae81df', '#8e55cb', '#6a35a3'],
  Reds: ['#fde0dd', '#f9b4ae', '#ee7f77', '#dd4a40', '#a81f15'],
  Oranges: ['#fde3d3', '#f8bd99', '#f0935f', '#e06a2c', '#a84612'],
}

// rampColors are a map's colours from little to much; undefined: the usual.
export function rampColors(name: unknown, flipped: unknown): string[] | undefined {
  const ramp = typeof name === 'string' ? ramps[name] : undefined
  return ramp && flipped ? [...ramp].reverse() : ramp
}

export interface ConditionalFormat {
  comparator: string
  value: number
  palette: string
  custom_bg_color?: string
  custom_fg_color?: string
  hide_value?: boolean
}

export interface Paint {
  text?: string
  background?: string
  letters?: string // the colour as letters on a panel
  sign?: string // says the same to those who don't see colours
}

const words: Record<string, string> = {
  red: 'var(--alert)', green: 'var(--ok)', yellow: 'var(--warn)', orange: 'var(--warn)', blue: 'var(--accent)', gray: 'var(--muted)', grey: 'var(--muted)',
}
const signs: Record<string, string> = { red: '✕', yellow: '!', orange: '!', green: '✓' }

const letters: Record<string, string> = { green: 'var(--ok-text)', yellow: 'var(--warn-text)', orange: 'var(--warn-text)' }
const lettersOf = (color: string) => letters[color] ?? words[color]

// paintOf is how a palette such as white_on_red colours a figure.
function paintOf(f: ConditionalFormat): Paint {
  const custom = (color: string | undefined) => (color && /^(#[0-9a-f]{3,8}|[a-z]+)$/i.test(color) ? color : undefined)
  if (f.palette === 'custom_bg') return { background: custom(f.custom_bg_color), text: custom(f.custom_fg_color) ?? '#fff' }
  if (f.palette === 'custom_text') return { text: custom(f.custom_fg_color) }
  const [front = '', back = ''] = f.palette.split('_on_')
  const ground = back.replace(/^light_/, '')
  if (front === 'white' || front === 'black') {
    if (!words[ground]) return {}
    const background = back.startsWith('light_') ? `color-mix(in srgb, ${words[ground]} 30%, var(--panel))` : words[ground]
    // White on yellow or green can't be read by everybody.
    const dark = signs[ground] !== undefined && ground !== 'red'
    return { background, text: back.startsWith('light_') ? 'var(--text)' : dark ? '#0e1116' : 'var(--on-accent)', letters: lettersOf(ground), sign: signs[ground] }
  }
  return words[front] ? { text: lettersOf(front), letters: lettersOf(front), sign: signs[front] } : {}
}

const meets: Record<string, (v: number, than: number) => boolean> = {
  '>': (v, t) => v > t, '>=': (v, t) => v >= t, '<': (v, t) => v < t, '<=': (v, t) => v <= t, '=': (v, t) => v === t, '==': (v, t) => v === t, '!=': (v, t) => v !== t,
}

// paintFor is the colours of the first format that v meets.
export function paintFor(v: number | null | undefined, formats: ConditionalFormat[] | undefined): Paint {
  if (typeof v !== 'number') return {}
  const met = formats?.find((f) => meets[f.comparator]?.(v, f.value))
  return met ? paintOf(met) : {}
}
