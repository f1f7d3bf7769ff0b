import { expect, test } from 'vitest'
import type { Edge, Service } from '../model'
import { around, mapAsked } from './apm'

test('a map is asked for in either form', () => {
  expect(mapAsked({ type: 'topology_map', requests: [{ request_type: 'topology', query: { data_source: 'service_map', service: 'shop', filters: ['environment:test'] } }] })).toEqual({ service: 'shop', env: 'test' })
  expect(mapAsked({ type: 'servicemap', service: 'shop', filters: ['env:*', 'team:core'] })).toEqual({ service: 'shop', env: '' })
  expect(mapAsked({ type: 'servicemap' })).toEqual({ service: '', env: '' })
})

test('a map of one service holds its neighbours', () => {
  const service = (name: string) => ({ name }) as Service
  const edge = (from: string, to: string) => ({ from, to }) as Edge
  const services = ['web', 'shop', 'db', 'mail'].map(service)
  const edges = [edge('web', 'shop'), edge('shop', 'db'), edge('web', 'mail')]
  const found = around(services, edges, 'shop')
  expect(found.services.map((s) => s.name)).toEqual(['web', 'shop', 'db'])
  expect(found.edges).toHaveLength(2)
  expect(around(services, edges, '').services).toHaveLength(4)
})
