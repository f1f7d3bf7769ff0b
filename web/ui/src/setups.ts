// The lines that make programs send here, with this server's own addresses.
import type { Status } from './model'

export interface Setup {
  id: 'agent' | 'statsd' | 'traces' | 'prometheus' | 'otlp' | 'host'
  title: string
  ways: [name: string, lines: string][]
  note: string
  off?: string // why it can't be done now
}

type Addresses = Pick<Status, 'http' | 'statsd' | 'statsd_socket' | 'traces'>

const anyKey = '0123456789abcdef0123456789abcdef'

// setupsOf are the set-ups for a server at these addresses; keyed says that it
// takes no data without a key.
export function setupsOf(at: Addresses, keyed: boolean): Setup[] {
  const key = keyed ? 'YOUR_API_KEY' : anyKey
  const keyNote = keyed ? 'Make a key at Settings, API keys, and put it in place of YOUR_API_KEY.' : 'Any key will do while Whippet asks for none.'
  const [statsdHost, statsdPort] = split(at.statsd)
  const [traceHost, tracePort] = split(at.traces)
  const header = keyed ? ` -H 'DD-API-KEY: ${key}'` : ''
  return [
    {
      id: 'agent',
      title: 'Datadog Agent',
      note: `${keyNote} An agent that reports elsewhere keeps doing so with the line for a second target.`,
      ways: [
        ['Debian, Ubuntu', `DD_API_KEY=${key} DD_DD_URL=${at.http} bash -c "$(curl -L https://install.datadoghq.com/scripts/install_script_agent7.sh)"`],
        ['datadog.yaml', `# /etc/datadog-agent/datadog.yaml\napi_key: ${key}\ndd_url: ${at.http}\napm_config:\n  apm_dd_url: ${at.http}\n  telemetry: {enabled: false}\nprocess_config:\n  process_dd_url: ${at.http}\nlogs_config:\n  logs_dd_url: ${at.http}\n  force_use_http: true\nremote_configuration: {enabled: false}\nagent_telemetry: {enabled: false}\n`],
        ['Docker', `docker run -d --name datadog-agent --network host \\\n  -v /proc/:/host/proc/:ro -v /sys/fs/cgroup/:/host/sys/fs/cgroup:ro \\\n  -e DD_API_KEY=${key} -e DD_DD_URL=${at.http} -e DD_APM_DD_URL=${at.http} \\\n  -e DD_PROCESS_CONFIG_PROCESS_DD_URL=${at.http} -e DD_LOGS_CONFIG_LOGS_DD_URL=${at.http} \\\n  -e DD_LOGS_CONFIG_FORCE_USE_HTTP=true -e DD_REMOTE_CONFIGURATION_ENABLED=false \\\n  -e DD_AGENT_TELEMETRY_ENABLED=false -e DD_APM_TELEMETRY_ENABLED=false \\\n  gcr.io/datadoghq/agent:7`],
        ['Second target', `# beside what the agent reports to now\nDD_ADDITIONAL_ENDPOINTS='{"${at.http}": ["${key}"]}'`],
      ],
    },
    {
      id: 'statsd',
      title: 'DogStatsD clients',
      off: at.statsd ? undefined : 'DogStatsD is off: start Whippet with --statsd 127.0.0.1:8125.',
      note: at.statsd_socket ? `DogStatsD also listens on the socket ${at.statsd_socket}.` : 'Clients of plain StatsD work as they are.',
      ways: [
        ['Shell', `printf 'my_metric:42|g|#env:test' > /dev/udp/${statsdHost}/${statsdPort}   # bash`],
        ['Python', `# pip install datadog\nfrom datadog import initialize, statsd\ninitialize(statsd_host="${statsdHost}", statsd_port=${statsdPort})\nstatsd.gauge("my_metric", 42, tags=["env:test"])`],
        ['Go', `// go get github.com/DataDog/datadog-go/v5\nclient, err := statsd.New("${at.statsd}")\nclient.Gauge("my_metric", 42, []string{"env:test"}, 1)`],
        ['Node', `// npm install hot-shots\nconst StatsD = require('hot-shots')\nnew StatsD({ host: '${statsdHost}', port: ${statsdPort} }).gauge('my_metric', 42, ['env:test'])`],
        ['Java', `// com.datadoghq:java-dogstatsd-client\nStatsDClient client = new NonBlockingStatsDClientBuilder().hostname("${statsdHost}").port(${statsdPort}).build();\nclient.gauge("my_metric", 42, "env:test");`],
        ['Ruby', `# gem install dogstatsd-ruby\nrequire 'datadog/statsd'\nstatsd = Datadog::Statsd.new('${statsdHost}', ${statsdPort})\nstatsd.gauge('my_metric', 42, tags: ['env:test'])\nstatsd.close`],
        ['PHP', `// composer require datadog/php-datadogstatsd\n$statsd = new DataDog\\DogStatsd(['host' => '${statsdHost}', 'port' => ${statsdPort}]);\n$statsd->gauge('my_metric', 42, 1.0, ['env' => 'test']);`],
      ],
    },
    {
      id: 'traces',
      title: 'Traces',
      off: at.traces ? undefined : 'No address for tracing libraries: start Whippet with --traces 127.0.0.1:8126.',
      note: 'Ask the application something: its service is there within seconds.',
      ways: [
        ['Python', `# pip install ddtrace\nDD_AGENT_HOST=${traceHost} DD_TRACE_AGENT_PORT=${tracePort} DD_SERVICE=shop DD_ENV=test ddtrace-run python app.py`],
        ['Node', `# npm install dd-trace\nDD_TRACE_AGENT_URL=http://${at.traces} DD_SERVICE=shop DD_ENV=test node --require dd-trace/init app.js`],
        ['Java', `# dd-java-agent.jar from https://dtdg.co/latest-java-tracer\nDD_AGENT_HOST=${traceHost} DD_TRACE_AGENT_PORT=${tracePort} java -javaagent:dd-java-agent.jar -Ddd.service=shop -Ddd.env=test -jar app.jar`],
        ['Go', `// go get github.com/DataDog/dd-trace-go/v2\ntracer.Start(tracer.WithAgentAddr("${at.traces}"), tracer.WithService("shop"), tracer.WithEnv("test"))\ndefer tracer.Stop()`],
        ['OpenTelemetry', `OTEL_EXPORTER_OTLP_ENDPOINT=${at.http} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_SERVICE_NAME=shop python app.py`],
      ],
    },
    {
      id: 'prometheus',
      title: 'Prometheus',
      note: 'Names and labels stay as they are, and PromQL works on them: see /prometheus for Grafana.',
      ways: [
        ['prometheus.yml', `remote_write:\n  - url: ${at.http}/api/v1/write\n    send_native_histograms: true\n${keyed ? `    authorization:\n      credentials: ${key}\n` : ''}`],
        ['vmagent', `vmagent -promscrape.config=prometheus.yml -remoteWrite.url=${at.http}/api/v1/write${keyed ? ` -remoteWrite.bearerToken=${key}` : ''}`],
        ['Text pages', `curl -s http://127.0.0.1:9100/metrics | curl${keyed ? ` -H 'Authorization: Bearer ${key}'` : ''} --data-binary @- ${at.http}/prometheus/api/v1/import/prometheus`],
      ],
    },
    {
      id: 'otlp',
      title: 'OpenTelemetry',
      note: 'Metrics and traces; gRPC has an address of its own when Whippet is started with --otlp-grpc.',
      ways: [
        ['SDKs', `OTEL_EXPORTER_OTLP_ENDPOINT=${at.http}\nOTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n${keyed ? `OTEL_EXPORTER_OTLP_HEADERS=dd-api-key=${key}\n` : ''}OTEL_SERVICE_NAME=shop`],
        ['Collector', `exporters:\n  otlphttp:\n    endpoint: ${at.http}\n${keyed ? `    headers:\n      dd-api-key: ${key}\n` : ''}service:\n  pipelines:\n    metrics: {receivers: [otlp], exporters: [otlphttp]}\n    traces: {receivers: [otlp], exporters: [otlphttp]}`],
      ],
    },
    {
      id: 'host',
      title: 'Another machine, without an agent',
      note: 'The same binary, on the machine to be measured. It keeps what it can’t send for a while.',
      ways: [
        ['whippet agent', `whippet agent --to ${at.http} --host-tags env:test${keyed ? ` --api-key ${key}` : ''}`],
        ['curl', `curl -X POST ${at.http}/api/v1/series -H 'Content-Type: application/json'${header} \\\n  -d '{"series": [{"metric": "my_metric", "points": [['$(date +%s)', 42]], "type": "gauge", "host": "'$(hostname)'"}]}'`],
      ],
    },
  ]
}

function split(address: string): [host: string, port: string] {
  const at = address.lastIndexOf(':')
  return [address.slice(0, at) || '127.0.0.1', address.slice(at + 1)]
}
