// The two languages that queries are written in.
import type { Lang } from '../model'

export const languages: [Lang, string][] = [['datadog', 'Datadog'], ['metricsql', 'MetricsQL']]

// placeholders are queries as they may look.
export const placeholders: Record<Lang, string> = { datadog: 'avg:system.load.1{*} by {host}', metricsql: 'rate(http_requests_total{job="web"})' }
