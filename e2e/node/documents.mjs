// Makes, reads, changes and removes what people keep, with Datadog's own API
// client for TypeScript, and fails where something comes back otherwise.
//
//   node documents.mjs http://127.0.0.1:8127
import { deepStrictEqual as equal, rejects } from "node:assert";
import { client, v1, v2 } from "@datadog/datadog-api-client";

const configuration = client.createConfiguration({
  serverIndex: 1,
  authMethods: { apiKeyAuth: "0123456789abcdef0123456789abcdef", appKeyAuth: "0123456789abcdef0123456789abcdef01234567" },
});
configuration.setServerVariables({ protocol: "http", name: new URL(process.argv[2]).host });

const plain = (o) => JSON.parse(JSON.stringify(o));
const gone = (call) => rejects(call, (err) => err.code === 404);

const dashboards = new v1.DashboardsApi(configuration);
const query = { dataSource: "metrics", name: "a", query: "avg:my_metric{$env} by {host}", aggregator: "avg" };
const board = {
  title: "From TypeScript", layoutType: "ordered", reflowType: "fixed", description: "kept", notifyList: [],
  templateVariables: [{ name: "env", prefix: "env", availableValues: ["test", "prod"], defaults: ["test"] }],
  widgets: [
    { definition: { type: "timeseries", title: "Load", showLegend: true, requests: [{ formulas: [{ formula: "a", alias: "load" }], queries: [query], responseFormat: "timeseries", displayType: "area", style: { palette: "warm" } }], yaxis: { scale: "log", min: "1" }, markers: [{ value: "y > 5", displayType: "error dashed", label: "much" }] }, layout: { x: 0, y: 0, width: 6, height: 3 } },
    { definition: { type: "query_value", autoscale: true, precision: 1, requests: [{ formulas: [{ formula: "a" }], queries: [query], responseFormat: "scalar", conditionalFormats: [{ comparator: ">", value: 5, palette: "white_on_red" }] }] }, layout: { x: 6, y: 0, width: 3, height: 3 } },
    { definition: { type: "toplist", requests: [{ formulas: [{ formula: "a", limit: { count: 5, order: "desc" } }], queries: [query], responseFormat: "scalar" }] }, layout: { x: 9, y: 0, width: 3, height: 3 } },
    { definition: { type: "group", layoutType: "ordered", title: "Notes", widgets: [{ definition: { type: "note", content: "**read** me", backgroundColor: "yellow" }, layout: { x: 0, y: 0, width: 4, height: 2 } }] }, layout: { x: 0, y: 3, width: 12, height: 3 } },
    { definition: { type: "manage_status", query: "tag:team", displayFormat: "countsAndList", colorPreference: "text" }, layout: { x: 0, y: 6, width: 6, height: 3 } },
  ],
};
const definitions = (d) => plain(d.widgets).map(({ definition, layout }) => ({ definition: withoutIds(definition), layout }));
const withoutIds = (d) => (d.widgets ? { ...d, widgets: d.widgets.map(({ id, ...w }) => w) } : d);
const made = await dashboards.createDashboard({ body: board });
let read = await dashboards.getDashboard({ dashboardId: made.id });
equal(definitions(read), definitions(board));
equal(plain(read.templateVariables), board.templateVariables);
equal([read.title, read.description, read.layoutType, read.reflowType], [board.title, board.description, board.layoutType, board.reflowType]);
await dashboards.updateDashboard({ dashboardId: made.id, body: { ...board, title: "Changed", widgets: board.widgets.slice(0, 2) } });
read = await dashboards.getDashboard({ dashboardId: made.id });
equal([read.title, read.widgets.length], ["Changed", 2]);
equal((await dashboards.listDashboards()).dashboards.some((d) => d.id === made.id), true);

const lists = new v1.DashboardListsApi(configuration);
const list = await lists.createDashboardList({ body: { name: "Mine" } });
const items = new v2.DashboardListsApi(configuration);
await items.createDashboardListItems({ dashboardListId: list.id, body: { dashboards: [{ id: made.id, type: "custom_timeboard" }] } });
equal((await items.getDashboardListItems({ dashboardListId: list.id })).dashboards.map((d) => d.id), [made.id]);
await lists.updateDashboardList({ listId: list.id, body: { name: "Ours" } });
equal((await lists.getDashboardList({ listId: list.id })).name, "Ours");
await lists.deleteDashboardList({ listId: list.id });
await gone(lists.getDashboardList({ listId: list.id }));
await dashboards.deleteDashboard({ dashboardId: made.id });
await gone(dashboards.getDashboard({ dashboardId: made.id }));

const monitors = new v1.MonitorsApi(configuration);
const monitor = { name: "high", type: "metric alert", query: "avg(last_5m):avg:my_metric{*} by {host} > 800", message: "@me@example.com", tags: ["team:core"], priority: 2, options: { thresholds: { critical: 800, warning: 500 }, notifyNoData: true, noDataTimeframe: 10, renotifyInterval: 30 } };
const watched = await monitors.createMonitor({ body: monitor });
let back = plain(await monitors.getMonitor({ monitorId: watched.id }));
for (const key of ["name", "type", "query", "message", "tags", "priority"]) equal(back[key], monitor[key]);
for (const [key, value] of Object.entries(monitor.options)) equal(back.options[key], value);
await monitors.updateMonitor({ monitorId: watched.id, body: { name: "higher", priority: 3 } });
back = await monitors.getMonitor({ monitorId: watched.id });
equal([back.name, back.priority, back.query], ["higher", 3, monitor.query]);

const downtimes = new v2.DowntimesApi(configuration);
const attributes = { scope: "env:test", monitorIdentifier: { monitorTags: ["*"] }, message: "nights", displayTimezone: "Europe/Berlin", schedule: { timezone: "Europe/Berlin", recurrences: [{ rrule: "FREQ=DAILY;INTERVAL=1", duration: "14h", start: "2030-01-01T19:00" }] } };
const quiet = await downtimes.createDowntime({ body: { data: { type: "downtime", attributes } } });
let night = (await downtimes.getDowntime({ downtimeId: quiet.data.id })).data.attributes;
equal([night.scope, night.message, night.displayTimezone, night.schedule.timezone, night.schedule.recurrences[0].rrule, night.schedule.recurrences[0].duration], ["env:test", "nights", "Europe/Berlin", "Europe/Berlin", "FREQ=DAILY;INTERVAL=1", "14h"]);
await downtimes.updateDowntime({ downtimeId: quiet.data.id, body: { data: { type: "downtime", id: quiet.data.id, attributes: { message: "quiet nights" } } } });
night = (await downtimes.getDowntime({ downtimeId: quiet.data.id })).data.attributes;
equal([night.message, night.scope], ["quiet nights", "env:test"]);
await downtimes.cancelDowntime({ downtimeId: quiet.data.id });
equal((await downtimes.getDowntime({ downtimeId: quiet.data.id })).data.attributes.status, "canceled");
await monitors.deleteMonitor({ monitorId: watched.id });
await gone(monitors.getMonitor({ monitorId: watched.id }));

const keys = new v2.KeyManagementApi(configuration);
const key = await keys.createAPIKey({ body: { data: { type: "api_keys", attributes: { name: "agents" } } } });
await keys.updateAPIKey({ apiKeyId: key.data.id, body: { data: { type: "api_keys", id: key.data.id, attributes: { name: "all agents" } } } });
equal((await keys.getAPIKey({ apiKeyId: key.data.id })).data.attributes.name, "all agents");
await keys.deleteAPIKey({ apiKeyId: key.data.id });
await gone(keys.getAPIKey({ apiKeyId: key.data.id }));
console.log("as sent");
