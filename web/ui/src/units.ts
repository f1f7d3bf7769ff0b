// Numbers with their units, written as in the pictures of mails (query/chart).

type Family = 'plain' | 'binary' | 'decimal' | 'seconds' | 'percent'

interface Unit {
  family: Family
  factor: number // to the family's base unit
  symbol: string // of decimal: "bit", "Hz"
  per: string // "/s"; empty for levels
  name: string // in words, where there is no symbol
}

const periods: Record<string, string> = { '': '', second: '/s', minute: '/min', hour: '/h' }
const time: Record<string, number> = { nanosecond: 1e-9, microsecond: 1e-6, millisecond: 1e-3, second: 1, minute: 60, hour: 3600, day: 86400 }
const symbols: Record<string, string> = { bit: 'bit', hertz: 'Hz', watt: 'W' }
const thousands = ['kilo', 'mega', 'giga', 'tera', 'peta']

// unitOf reads a unit as metadata names it: "byte", "request/second".
export function unitOf(text: string): Unit {
  const [name, per = ''] = text.trim().toLowerCase().split('/')
  const period = per.replace(/s$/, '')
  const unit: Unit = { family: 'plain', factor: 1, symbol: '', per: periods[period] ?? '/' + per, name: '' }
  const singular = name.replace(/s$/, '')
  const binary = /^(?:(ki|me|gi|te|pe)bi|(kilo|mega|giga|tera|peta))?byte$/.exec(singular)
  const decimal = /^(kilo|mega|giga|tera|peta)?(bit|hertz|watt)$/.exec(singular)
  if (binary || name === 'b') {
    const [, small, large] = binary ?? []
    unit.family = 'binary'
    if (small) unit.factor = 1024 ** (['ki', 'me', 'gi', 'te', 'pe'].indexOf(small) + 1)
    if (large) unit.factor = 1000 ** (thousands.indexOf(large) + 1)
  } else if (decimal) {
    unit.family = 'decimal'
    unit.symbol = symbols[decimal[2]]
    if (decimal[1]) unit.factor = 1000 ** (thousands.indexOf(decimal[1]) + 1)
  } else if (singular in time || name === 's' || name === 'ms') {
    unit.family = 'seconds'
    unit.factor = name === 's' ? 1 : name === 'ms' ? 1e-3 : time[singular]
  } else if (name === 'percent' || name === '%') {
    unit.family = 'percent'
  } else if (name === 'fraction') {
    unit.family = 'percent'
    unit.factor = 100
  } else if (name) {
    unit.name = name + unit.per
    unit.per = ''
  } else if (unit.per) {
    unit.name = 'per ' + unit.per.slice(1)
    unit.per = ''
  }
  return unit
}

// digits writes v with so many decimals, else with those that step needs, or
// three significant digits when step is 0.
function digits(v: number, step: number, places?: number): string {
  if (places !== undefined) return v.toFixed(Math.max(0, Math.min(places, 15)))
  if (v === 0) return '0'
  const size = Math.abs(v)
  if (size >= 1e15 || size < 1e-4) return v.toPrecision(3)
  let decimals = 0
  if (step > 0) {
    while (decimals < 9) {
      const s = step * 10 ** decimals
      if (Math.abs(s - Math.round(s)) < 1e-6 * s) break
      decimals++
    }
  } else {
    decimals = Math.max(0, 2 - Math.floor(Math.log10(size)))
  }
  const fixed = v.toFixed(decimals)
  const text = fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed
  return text === '-0' ? '0' : text
}

function scaled(v: number, step: number, base: number, names: string[], places?: number): string {
  let i = 0
  while (i < names.length - 1 && Math.abs(v) >= base) {
    v /= base
    step /= base
    i++
  }
  let text = digits(v, step, places)
  if (i < names.length - 1 && Math.abs(Number(text)) >= base) text = digits(v / base, step / base, places), i++ // 999.9996 rounds up
  return names[i] ? `${text} ${names[i]}` : text
}

function duration(v: number, step: number, places?: number): string {
  const size = Math.abs(v)
  if (size === 0) return '0 s'
  if (size < 1e-6) return `${digits(v * 1e9, step * 1e9, places)} ns`
  if (size < 1e-3) return `${digits(v * 1e6, step * 1e6, places)} µs`
  if (size < 1) return `${digits(v * 1e3, step * 1e3, places)} ms`
  if (size < 60) return `${digits(v, step, places)} s`
  const [large, small, ratio, part] = size < 3600 ? ['m', 's', 60, 1] as const : size < 86400 ? ['h', 'm', 60, 60] as const : ['d', 'h', 24, 3600] as const
  const n = Math.round(size / part)
  const rest = n % ratio
  return `${v < 0 ? '-' : ''}${Math.floor(n / ratio)} ${large}${rest ? ` ${rest} ${small}` : ''}`
}

const iec = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']
const si = ['', 'k', 'M', 'G', 'T', 'P', 'E']

// showNumber is "12.4 k", "1.5 GiB", "38 %", "120 ms", "2 h 5 m". Values that
// lie step apart stay distinct; units without a symbol are left to unitName.
// places is how many decimals are wanted, where someone chose.
export function showNumber(v: number | null | undefined, unitText = '', step = 0, places?: number): string {
  if (v === null || v === undefined || Number.isNaN(v)) return 'no data'
  if (!Number.isFinite(v)) return v > 0 ? '∞' : '-∞'
  const unit = unitOf(unitText)
  const value = v * unit.factor
  const apart = Math.abs(step * unit.factor)
  switch (unit.family) {
    case 'binary':
      return scaled(value, apart, 1024, iec, places) + unit.per
    case 'decimal':
      return scaled(value, apart, 1000, si.map((prefix) => prefix + unit.symbol), places) + unit.per
    case 'seconds':
      return duration(value, apart, places) + unit.per
    case 'percent':
      return `${digits(value, apart, places)} %${unit.per}`
    default:
      return scaled(value, apart, 1000, si, places) + unit.per
  }
}

// unitName is the part of a unit that showNumber leaves out: "request/s".
export const unitName = (unitText: string) => unitOf(unitText).name

// showValue is a number with all of its unit.
export function showValue(v: number | null | undefined, unitText = ''): string {
  const text = showNumber(v, unitText)
  const name = unitName(unitText)
  return name && text !== 'no data' ? `${text} ${name}` : text
}

// plural is "1 host", "3 hosts".
export const plural = (n: number, noun: string, many = noun + 's') => `${n.toLocaleString('en')} ${n === 1 ? noun : many}`
