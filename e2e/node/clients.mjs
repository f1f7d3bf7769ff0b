// Sends with the clients that Node programs use, unmodified: hot-shots over
// UDP, and Datadog's own API client. Prints what the API answered, as JSON.
//
//   node clients.mjs http://127.0.0.1:8127 127.0.0.1:8125
import { client, v1, v2 } from "@datadog/datadog-api-client";
import StatsD from "hot-shots";

const [url, statsd] = process.argv.slice(2);
const [host, port] = statsd.split(":");
const now = Math.floor(Date.now() / 1000);

const lines = new StatsD({ host, port: Number(port), prefix: "hs.", globalTags: { via: "hot-shots" }, includeDataDogTags: false });
const sent = (call) => new Promise((resolve, reject) => call((err) => (err ? reject(err) : resolve())));
await sent((done) => lines.increment("requests", 20, done));
await sent((done) => lines.decrement("requests", 1, done));
await sent((done) => lines.gauge("queue", 42.5, { queue: "mail" }, done));
await sent((done) => lines.set("users", "alice", done));
await sent((done) => lines.set("users", "bob", done));
for (let v = 1; v <= 10; v++) {
  await sent((done) => lines.histogram("hist", v, done));
  await sent((done) => lines.timing("timing", v, done));
  await sent((done) => lines.distribution("dist", 10 * v, done));
}
await sent((done) => lines.event("deploy", "line one\nline two", { alert_type: "warning", hostname: "web-9" }, done));
await sent((done) => lines.check("can_connect", lines.CHECKS.CRITICAL, { hostname: "db-1", message: "refused" }, done));
await new Promise((resolve) => lines.close(resolve));

// Server 1 of the client's list is "{protocol}://{name}".
const configuration = client.createConfiguration({
  serverIndex: 1,
  authMethods: { apiKeyAuth: "0123456789abcdef0123456789abcdef", appKeyAuth: "0123456789abcdef0123456789abcdef01234567" },
});
configuration.setServerVariables({ protocol: "http", name: new URL(url).host });

const answers = {};
answers.validate = await new v1.AuthenticationApi(configuration).validate();
const series = new v1.MetricsApi(configuration);
answers.v1 = await series.submitMetrics({ body: { series: [{ metric: "js.v1.gauge", type: "gauge", points: [[now, 1.5]], host: "js-host", tags: ["env:test"] }] } });
answers.distribution = await series.submitDistributionPoints({ body: { series: [{ metric: "js.dist", points: [[now, [1, 2, 3, 100]]], host: "js-host", tags: ["env:test"] }] } });
answers.v2 = await new v2.MetricsApi(configuration).submitMetrics({
  body: { series: [{ metric: "js.v2.rate", type: 2, interval: 10, unit: "request", points: [{ timestamp: now, value: 1.25 }], resources: [{ name: "js-host", type: "host" }], tags: ["env:test"] }] },
});
answers.event = await new v1.EventsApi(configuration).createEvent({ body: { title: "js event", text: "hello", alertType: "error", host: "js-host", tags: ["env:test"] } });
answers.check = await new v1.ServiceChecksApi(configuration).submitServiceCheck({ body: [{ check: "js.check", hostName: "js-host", status: 2, tags: ["env:test"] }] });
const hosts = new v1.HostsApi(configuration);
answers.hosts = await hosts.listHosts({ filter: "js-host" });
answers.totals = await hosts.getHostTotals({});
answers.mute = await hosts.muteHost({ hostName: "js-host", body: { end: now + 3600, message: "quiet" } });
answers.unmute = await hosts.unmuteHost({ hostName: "js-host" });
const tags = new v1.TagsApi(configuration);
answers.added = await tags.createHostTags({ hostName: "js-host", body: { host: "js-host", tags: ["team:core"] } });
answers.tags = await tags.getHostTags({ hostName: "js-host" });
answers.query = await series.queryMetrics({ from: now - 60, to: now + 10, query: "avg:js.v1.gauge{env:test} by {host}" });
console.log(JSON.stringify(answers));
