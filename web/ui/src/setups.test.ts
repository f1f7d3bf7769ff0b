import { expect, it } from 'vitest'
import { setupsOf } from './setups'

const here = { http: 'http://10.0.0.5:9000', statsd: '10.0.0.5:8125', statsd_socket: '', traces: '' }

it('every line names this server, and none another', () => {
  for (const { ways } of setupsOf({ ...here, traces: '10.0.0.5:8126' }, false)) {
    for (const [name, lines] of ways) {
      expect(lines, name).toContain('10.0.0.5')
      expect(lines.match(/127\.0\.0\.1:(?!9100)\d+/), name).toBeNull()
    }
  }
})

it('a key is asked for exactly where one is needed', () => {
  const keyed = setupsOf(here, true).flatMap((s) => (s.id === 'statsd' || s.id === 'traces' ? [] : s.ways))
  for (const [name, lines] of keyed) expect(lines, name).toContain('YOUR_API_KEY')
  for (const { ways } of setupsOf(here, false)) for (const [name, lines] of ways) expect(lines, name).not.toContain('YOUR_API_KEY')
})

it('what is switched off says how to switch it on', () => {
  expect(setupsOf(here, false).filter((s) => s.off).map((s) => s.id)).toEqual(['traces'])
})
