// The colours of series, by the same rule as the pictures in mails: a row's key
// is its tags, else its metric, else its expression; rows take slots in the
// order of their keys, ten at a time, beginning at FNV-1a-32(key) mod 10.

const palette = ['#4c78e0', '#e8743b', '#19a979', '#945ecf', '#13a4b4', '#ed4a7b', '#bf9b30', '#525df4', '#6c8893', '#ee6868']
const hueShift = 18

export interface Colored {
  metric: string
  tags: string[]
  expr: string
}

const keyOf = (r: Colored) => r.tags.join(',') || r.metric || r.expr

function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) {
    hash ^= byte
    hash = Math.imul(hash, 0x01000193) >>> 0
  }
  return hash
}

export function colors(rows: Colored[]): string[] {
  const encoder = new TextEncoder()
  const keys = rows.map((r) => encoder.encode(keyOf(r)))
  const order = rows.map((_, i) => i).sort((a, b) => compareBytes(keys[a], keys[b]) || a - b)
  const result: string[] = new Array(rows.length)
  let taken: boolean[] = []
  order.forEach((row, n) => {
    if (n % palette.length === 0) taken = []
    let slot = fnv1a(keyOf(rows[row])) % palette.length
    while (taken[slot]) slot = (slot + 1) % palette.length
    taken[slot] = true
    result[row] = turned(palette[slot], Math.floor(n / palette.length) * hueShift)
  })
  return result
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}

// turned gives a colour with its hue turned by degrees.
function turned(hex: string, degrees: number): string {
  if (degrees === 0) return hex
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
  const high = Math.max(r, g, b)
  const low = Math.min(r, g, b)
  const light = (high + low) / 2
  const spread = high - low
  const saturation = spread === 0 ? 0 : spread / (1 - Math.abs(2 * light - 1))
  let hue = 0
  if (spread !== 0) hue = high === r ? ((g - b) / spread) % 6 : high === g ? (b - r) / spread + 2 : (r - g) / spread + 4
  return `hsl(${(hue * 60 + degrees + 360) % 360} ${saturation * 100}% ${light * 100}%)`
}
