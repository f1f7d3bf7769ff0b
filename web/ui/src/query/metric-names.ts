// The names that query boxes complete, read once for all boxes and kept for a
// minute.
import { api } from '../api'
import type { Metric, MetricDetail } from '../model'
import { now } from '../clock'

const day = 86400e3
const fresh = 60e3

interface Kept<T> {
  at: number
  value: Promise<T>
}

const kept = new Map<string, Kept<unknown>>()

function once<T>(key: string, load: () => Promise<T>): Promise<T> {
  const old = kept.get(key) as Kept<T> | undefined
  if (old && Date.now() - old.at < fresh) return old.value
  const value = load()
  kept.set(key, { at: Date.now(), value })
  value.catch(() => kept.delete(key))
  return value
}

export const knownMetrics = (): Promise<Metric[]> => once('', () => api.metrics(now() - day, now()))

export const knownTags = (metric: string): Promise<MetricDetail> => once(metric, () => api.metric(metric, now() - day, now()))
