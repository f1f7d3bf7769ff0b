// Hexagons: how large, where, and in which colour.

export interface Cell {
  x: number // of the centre
  y: number
}

// radiusFor is the size at which n hosts are readable, in px.
export function radiusFor(n: number): number {
  for (const [most, radius] of [[4, 46], [16, 38], [40, 30], [120, 22], [400, 15]] as const) if (n <= most) return radius
  return 9
}

// pack lays n cells of a radius in rows, about as wide as high, and no wider
// than width.
export function pack(n: number, radius: number, width: number): { cells: Cell[]; width: number; height: number } {
  const across = Math.sqrt(3) * radius
  const fitting = Math.max(1, Math.floor((width - across / 2) / across))
  const perRow = Math.min(fitting, Math.max(1, Math.ceil(Math.sqrt(n * 1.6))))
  const cells: Cell[] = []
  for (let i = 0; i < n; i++) {
    const row = Math.floor(i / perRow)
    cells.push({ x: across / 2 + (i % perRow) * across + (row % 2) * (across / 2), y: radius + row * radius * 1.5 })
  }
  const rows = Math.ceil(n / perRow)
  return { cells, width: Math.min(n, perRow) * across + (rows > 1 ? across / 2 : 0), height: radius * 2 + (rows - 1) * radius * 1.5 }
}

// corners is a hexagon standing on a point, as an SVG polygon.
export function corners(cell: Cell, radius: number): string {
  return [0, 1, 2, 3, 4, 5]
    .map((k) => {
      const angle = (Math.PI / 3) * k - Math.PI / 2
      return `${(cell.x + radius * Math.cos(angle)).toFixed(1)},${(cell.y + radius * Math.sin(angle)).toFixed(1)}`
    })
    .join(' ')
}

// The colour scale, from little to much: lightness alone carries the order.
const ramps = {
  light: ['#dbe4ff', '#a9bdf7', '#7896ec', '#4c6fdd', '#2743a8'],
  dark: ['#23304f', '#33508f', '#4a72c8', '#7c9cff', '#c5d3ff'],
}

export const rampOf = (theme: 'light' | 'dark'): string[] => ramps[theme]

// stepOf is the place of v in five even steps from low to high.
export function stepOf(v: number, low: number, high: number): number {
  if (!(high > low)) return 2
  return Math.min(4, Math.max(0, Math.floor(((v - low) / (high - low)) * 5)))
}
