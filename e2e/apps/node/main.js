// A shop in Express, instrumented by dd-trace as its users do it. It serves two
// routes, of which one asks the other; makes 20 requests to itself, of which
// three fail; and ends. All else is configured by the environment.
'use strict'
const tracer = require('dd-trace').init({ service: 'shop-node', env: 'test', version: '2.0.1', flushInterval: 500 })
const express = require('express')
const http = require('http')

const app = express()
let port = 0

const get = (path) =>
  new Promise((done, failed) => {
    http.get({ host: '127.0.0.1', port, path }, (answer) => {
      answer.resume()
      answer.on('end', () => done(answer.statusCode))
    }).on('error', failed)
  })

app.get('/stock/:sku', (request, response) => {
  // What a database's integration records.
  const span = tracer.startSpan('postgres.query', {
    childOf: tracer.scope().active(),
    tags: { 'service.name': 'stock-db', 'resource.name': 'SELECT qty FROM stock WHERE sku = $1', 'span.type': 'sql', 'span.kind': 'client', 'peer.service': 'stock-db', 'db.type': 'postgres' },
  })
  span.finish()
  if (request.params.sku === '13') response.status(500).send('connection reset by peer')
  else response.send('7')
})

app.get('/item/:id', async (request, response) => {
  const status = await get(`/stock/${request.params.id}`)
  response.status(status).end()
})

const server = app.listen(0, '127.0.0.1', async () => {
  port = server.address().port
  for (let i = 1; i <= 20; i++) await get(`/item/${i % 10 === 0 ? 13 : i}`)
  server.close()
  // The tracer writes its spans twice a second, and its statistics every ten.
  setTimeout(() => process.exit(0), Number(process.env.LINGER_MS ?? 2500))
})
