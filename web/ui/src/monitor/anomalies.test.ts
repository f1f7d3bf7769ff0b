import { describe, expect, it } from 'vitest'
import { advice, anomalyPartsOf, anomalyText, judged, marked, tableOf, windowName, withOption } from './anomalies'
import { partsOf, thresholdLines } from './query'

describe('an anomalies query', () => {
  const text = "anomalies(avg:x{env:prod, !role:db} by {host,az}.rollup(avg, 60), 'agile', 3, alert_window='last_5m', severe=6)"
  it('is taken apart and put together again', () => {
    const p = anomalyPartsOf(text)!
    expect(p).toEqual({
      query: 'avg:x{env:prod, !role:db} by {host,az}.rollup(avg, 60)', algorithm: 'agile', bounds: 3,
      options: { alert_window: 'last_5m', severe: '6' },
    })
    expect(anomalyText(p)).toBe(text)
  })
  it('changes an option, or takes it out', () => {
    const p = anomalyPartsOf(text)!
    expect(anomalyText(withOption(p, 'alert_window', 'last_15m'))).toContain("alert_window='last_15m'")
    expect(anomalyText(withOption(p, 'severe', ''))).not.toContain('severe')
  })
  it('keeps commas in quotations', () => {
    expect(anomalyPartsOf(`anomalies(sum:a{b:"x,y"}, "basic", 2)`)?.algorithm).toBe('basic')
  })
  for (const other of ['avg:x{*}', 'anomalies(avg:x{*})', "abs(anomalies(avg:x{*}, 'basic', 2))", "anomalies(avg:x{*}, 'basic', two)"]) {
    it(`is not ${other}`, () => expect(anomalyPartsOf(other)).toBeNull())
  }
  it('is made of a plain one', () => {
    expect(judged(' avg:x{*} by {host} ')).toBe("anomalies(avg:x{*} by {host}, 'basic', 3, alert_window='last_5m', severe=6)")
  })
  it('names windows as queries do', () => expect([windowName(300e3), windowName(7200e3)]).toEqual(['last_5m', 'last_2h']))
})

describe('a monitor of verdicts', () => {
  it('has no lines of its share in the graph', () => {
    expect(thresholdLines(partsOf("avg(last_1h):anomalies(avg:x{*}, 'basic', 3) >= 0.6"), {})).toEqual([])
  })
  it('may look ahead', () => {
    expect(partsOf("max(next_1w):forecast(avg:disk{*}, 'linear', 2) >= 90")?.window).toBe('next_1w')
  })
})

describe('the table of a backtest', () => {
  const table = [2, 3].flatMap((bounds) => [300e3, 900e3].map((window) => ({ bounds, window, alerts: bounds === 2 ? 9 : 1, found: 1, noise: 0 })))
  const parts = anomalyPartsOf("anomalies(avg:x{*}, 'basic', 2, alert_window='last_15m')")!
  it('has a row for each bounds and marks the settings and the best', () => {
    const { windows, rows } = tableOf({ table, best: 2 }, parts)
    expect(windows).toEqual([300e3, 900e3])
    expect(rows.map((r) => r.bounds)).toEqual([2, 3])
    expect(rows[0].cells.map((c) => c.current)).toEqual([false, true])
    expect(rows[1].cells.map((c) => c.best)).toEqual([true, false])
  })
  it('says what it suggests', () => {
    expect(advice({ table, best: 2 }, {})).toBe('')
    expect(advice({ table, best: 2 }, { a: 'real' })).toBe('Bounds 3 over 5 m keeps what was real with 1 alert.')
    expect(advice({ table, best: -1 }, { a: 'real', b: 'real' })).toContain('No cell keeps all')
  })
  it('takes marks back', () => {
    const once = marked({}, 'a', 'real')
    expect(once).toEqual({ a: 'real' })
    expect(marked(once, 'a', 'noise')).toEqual({ a: 'noise' })
    expect(marked(once, 'a', 'real')).toEqual({})
  })
})
