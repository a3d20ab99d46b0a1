// Conformance to the sub-protocol graphql-transport-ws over plain sockets: malformed messages, and the
// close codes by which clients decide whether to reconnect.

import assert from 'node:assert/strict'
import WebSocket from 'ws'
import {
  Inbox,
  completeRun,
  createRun,
  makeMark,
  report,
  request,
  socketEndpoint,
  startRun,
  untilLive,
  within,
} from './helpers.mjs'

const PROTOCOL = 'graphql-transport-ws'
/** Maximum size of a message, and the timeout for `connection_init` in milliseconds. */
const MAX_MESSAGE_BYTES = 1024 * 1024
const INIT_TIMEOUT = 5_000
/** A close frame holds 125 bytes, of which the code takes two. */
const MAX_REASON_BYTES = 123

const WATCH = 'subscription { syncRunChanged { run { id } } }'
const TYPENAME = '{ __typename }'

class Socket {
  messages = new Inbox()

  constructor(protocols = PROTOCOL, options) {
    this.socket = new WebSocket(socketEndpoint, protocols, options)
    this.opened = new Promise((resolve, reject) => {
      this.socket.once('open', resolve)
      this.socket.once('error', reject)
    })
    this.closed = new Promise(resolve => {
      this.socket.once('close', (code, reason) => {
        this.messages.end(`the socket was closed with ${code} ${reason}`)
        resolve({ code, reason })
      })
    })
    // Writing to a closed socket is not a failure: checks compare the close code.
    this.socket.on('error', () => {})
    this.socket.on('message', (data, isBinary) => {
      assert.ok(!isBinary, 'messages are text')
      this.messages.push(JSON.parse(data))
    })
  }

  /** Opens a socket, without `connection_init`. */
  static async open(...options) {
    const socket = new Socket(...options)
    await within(socket.opened, 'a socket to open')
    return socket
  }

  static async initialised() {
    const socket = await Socket.open()
    socket.send({ type: 'connection_init' })
    await socket.got('connection_ack')
    return socket
  }

  /** Sends text or bytes as they are, anything else as JSON. */
  send(message) {
    const isRaw = typeof message === 'string' || Buffer.isBuffer(message)
    this.socket.send(isRaw ? message : JSON.stringify(message))
  }

  subscribe(id, query, rest) {
    this.send({ type: 'subscribe', id, payload: { query, ...rest } })
  }

  got(type, id) {
    return this.messages.find(message => message.type === type && message.id === id, `a message ${type}`)
  }

  ofOperation(id) {
    return this.messages.items.filter(message => message.id === id)
  }

  /** Waits until the server has read everything that was sent: it replies in order. */
  async flushed() {
    const before = this.messages.items.filter(({ type }) => type === 'pong').length
    this.send({ type: 'ping' })
    await this.messages.find(
      () => this.messages.items.filter(({ type }) => type === 'pong').length > before,
      'a pong',
    )
  }

  /** Waits until the server closes the socket with `code`. */
  async closedWith(code) {
    const end = await within(this.closed, `the socket to close with ${code}`, { received: () => this.messages.items })
    assert.equal(end.code, code, `closed with ${end.code} "${end.reason}" instead of ${code}`)
    assert.ok(end.reason.length > 0 && end.reason.length <= MAX_REASON_BYTES, `a reason of ${end.reason.length} bytes`)
  }

  /** Closes the socket with a handshake: the server acknowledges the close. */
  async close() {
    this.socket.close(1000)
    const { code } = await within(this.closed, 'the socket to close')
    assert.equal(code, 1000, `a close with 1000 was acknowledged with ${code}`)
  }

  /** Drops the connection without a close handshake. */
  drop() {
    this.socket.terminate()
  }
}

/** Sends each message on a socket of its own, and expects each socket to close with `code`. */
function closing(code, messages, open = Socket.initialised) {
  return Promise.all(
    Object.entries(messages).map(async ([name, message]) => {
      const socket = await open()
      socket.send(message)
      await socket.closedWith(code).catch(error => {
        throw new Error(`${name}: ${error.message}`)
      })
    }),
  )
}

const runOf = message => message.payload?.data?.syncRunChanged.run.id

await report('protocol', {
  // First, because it takes longest.
  'a missing connection_init closes with 4408': async () => {
    const socket = await Socket.open()
    const from = performance.now()
    // Other messages do not extend the timeout.
    socket.send({ type: 'ping' })
    await socket.got('pong')
    await socket.closedWith(4408)
    const waited = performance.now() - from
    assert.ok(waited > INIT_TIMEOUT - 1000, `closed after ${waited} ms`)
  },

  'a malformed message closes with 4400': () =>
    closing(4400, {
      'not JSON': 'garbage',
      'an empty message': '',
      'incomplete JSON': '{"type":"ping"',
      'binary': Buffer.from([0, 159, 146, 150]),
      'a ping in binary': Buffer.from('{"type":"ping"}'),
      'an array': '[]',
      'null': 'null',
      'no type': {},
      'a type that is not a string': { type: 1 },
      'an unknown type': { type: 'unknown' },
      'an unknown type with a long name': { type: 'x'.repeat(10_000) },
      'an unknown type of wide characters': { type: '\u{1f3ca}'.repeat(1_000) },
      'a type that only servers send': { type: 'next', id: '1', payload: {} },
      'a type of the earlier protocol': { type: 'start', id: '1', payload: { query: TYPENAME } },
      'subscribe without id': { type: 'subscribe', payload: { query: TYPENAME } },
      'subscribe with an id that is not a string': { type: 'subscribe', id: 1, payload: { query: TYPENAME } },
      'subscribe without payload': { type: 'subscribe', id: '1' },
      'subscribe without query': { type: 'subscribe', id: '1', payload: {} },
      'subscribe with a query that is not a string': { type: 'subscribe', id: '1', payload: { query: 1 } },
      'subscribe with variables that are not an object': {
        type: 'subscribe',
        id: '1',
        payload: { query: TYPENAME, variables: [] },
      },
      'subscribe with an operation name that is not a string': {
        type: 'subscribe',
        id: '1',
        payload: { query: TYPENAME, operationName: 1 },
      },
      'complete without id': { type: 'complete' },
      'ping with a payload that is not an object': { type: 'ping', payload: 'x' },
    }),

  'a malformed message before connection_init closes with 4400': () =>
    closing(
      4400,
      {
        'not JSON': 'garbage',
        'init with a payload that is not an object': { type: 'connection_init', payload: 1 },
      },
      Socket.open,
    ),

  // Messages in flight to the server do not prevent the close code from arriving.
  'the close code arrives while the client keeps sending': () =>
    Promise.all(
      Array.from({ length: 10 }, async () => {
        const socket = await Socket.initialised()
        socket.send('garbage')
        for (let index = 0; index < 200; index++) socket.send({ type: 'ping', payload: { filler: 'x'.repeat(1000) } })
        await socket.closedWith(4400)
      }),
    ),

  'subscribe before connection_init closes with 4401': () =>
    closing(4401, { subscribe: { type: 'subscribe', id: '1', payload: { query: TYPENAME } } }, Socket.open),

  // The package aborts a handshake that selects none of its protocols. Without protocols, and with the
  // header set by hand, it proceeds to the close code.
  'a wrong or missing sub-protocol closes with 4406': async () => {
    for (const name of [undefined, 'graphql-ws', 'GRAPHQL-TRANSPORT-WS', 'graphql-transport-ws2']) {
      const headers = name === undefined ? {} : { 'sec-websocket-protocol': name }
      const socket = await Socket.open([], { headers })
      assert.equal(socket.socket.protocol, '')
      // Clients send this as soon as the socket is open.
      socket.send({ type: 'connection_init' })
      await socket.closedWith(4406)
    }
  },

  'the sub-protocol is selected among others': async () => {
    const socket = await Socket.open(['graphql-ws', PROTOCOL, 'soap'])
    assert.equal(socket.socket.protocol, PROTOCOL)
    await socket.close()
  },

  'a second connection_init closes with 4429': () => closing(4429, { init: { type: 'connection_init' } }),

  'an id in use closes with 4409': async () => {
    for (const [id, query] of [
      ['1', TYPENAME],
      ['', WATCH],
      // Too long for the close reason.
      ['x'.repeat(256), WATCH],
    ]) {
      const socket = await Socket.initialised()
      socket.subscribe(id, WATCH)
      socket.subscribe(id, query)
      await socket.closedWith(4409)
    }
  },

  'an id of more than 256 bytes closes with 4400': async () => {
    const socket = await Socket.initialised()
    socket.subscribe('x'.repeat(100_000), TYPENAME)
    await socket.closedWith(4400)
  },

  'a socket allows 20 concurrent operations': async () => {
    const socket = await Socket.initialised()
    for (let index = 0; index < 20; index += 1) socket.subscribe(`watch ${index}`, WATCH)
    socket.subscribe('one more', TYPENAME)
    await socket.got('error', 'one more')
    const [error] = socket.ofOperation('one more')
    assert.equal(error.payload[0].extensions.code, 'RATE_LIMITED')
    socket.send({ type: 'complete', id: 'watch 7' })
    socket.subscribe('one more', TYPENAME)
    await socket.got('complete', 'one more')
    await socket.close()
  },

  'an id can be reused': async () => {
    const socket = await Socket.initialised()
    // After the server's complete,
    socket.subscribe('again', TYPENAME)
    await socket.got('complete', 'again')
    // after an error, which ends an operation,
    socket.subscribe('again', '{ nothing }')
    await socket.got('error', 'again')
    // and after the client's own complete.
    socket.subscribe('again', WATCH)
    socket.send({ type: 'complete', id: 'again' })
    const before = socket.ofOperation('again').length
    socket.subscribe('again', TYPENAME)
    await socket.messages.find(
      () => socket.ofOperation('again').slice(before).some(({ type }) => type === 'complete'),
      'the last operation to complete',
    )
    const last = socket.ofOperation('again').slice(before)
    assert.deepEqual(
      last.map(({ type }) => type),
      ['next', 'complete'],
    )
    await socket.close()
  },

  // Messages in flight when the client completes a subscription are not attributed to a later operation.
  'a reused id receives nothing of the earlier operation': async () => {
    const socket = await Socket.initialised()
    socket.subscribe('again', WATCH)
    await untilLive(socket.messages, runOf)
    // While the client reads nothing, a response larger than the socket buffers blocks all later messages.
    const ids = Array(100).fill(await createRun({ details: { filler: 'x'.repeat(60_000) } }))
    const query = `query Bulky($ids: [ID!]!) { a: nodes(ids: $ids) { ...D } b: nodes(ids: $ids) { ...D } }
      fragment D on SyncRun { details }`
    socket.socket.pause()
    socket.subscribe('bulky', query, { variables: { ids } })
    // Once this request is answered, the socket has begun to send the same response.
    await request(query, { ids })
    for (let marks = 0; marks < 5; marks++) await makeMark()
    socket.send({ type: 'complete', id: 'again' })
    socket.send({ type: 'ping' })
    socket.subscribe('again', '{ __typename }')
    socket.socket.resume()
    await socket.got('pong')
    await socket.flushed()
    // Messages of the first operation may arrive before the pong.
    const second = () => {
      const { items } = socket.messages
      return items.slice(items.findIndex(({ type }) => type === 'pong')).filter(({ id }) => id === 'again')
    }
    await socket.messages.find(
      () => second().some(({ type }) => type === 'complete'),
      'the second operation to complete',
    )
    const summary = second().map(({ type, payload }) => (payload ? `${type} ${Object.keys(payload.data)}` : type))
    assert.equal(summary.join(', '), 'next __typename, complete')
    await socket.close()
  },

  'a ping receives a pong': async () => {
    const socket = await Socket.open()
    // Before and after connection_init, with and without payload.
    await socket.flushed()
    socket.send({ type: 'connection_init', payload: { some: 'thing' } })
    await socket.got('connection_ack')
    await socket.flushed()
    socket.send({ type: 'ping', payload: { some: 'thing' } })
    socket.send({ type: 'ping', payload: null })
    await socket.messages.find(
      () => socket.messages.items.filter(({ type }) => type === 'pong').length === 4,
      'four pongs',
    )
    // An unsolicited pong is allowed and receives no reply.
    socket.send({ type: 'pong' })
    socket.send({ type: 'pong', payload: { some: 'thing' } })
    await socket.flushed()
    assert.equal(socket.messages.items.length, 6)
    await socket.close()
  },

  'a complete by the client ends its subscription': async () => {
    const socket = await Socket.initialised()
    const live = new Inbox()
    socket.socket.on('message', data => live.push(JSON.parse(data)))
    for (const id of ['kept', 'completed']) {
      socket.subscribe(id, WATCH)
      await untilLive(live, message => message.id === id && runOf(message))
    }
    socket.send({ type: 'complete', id: 'completed' })
    await socket.flushed()
    const stopped = socket.ofOperation('completed').length
    const run = await createRun()
    await startRun(run)
    await completeRun(run)
    const mark = await makeMark()
    await socket.messages.find(message => message.id === 'kept' && runOf(message) === mark, 'the mark')
    assert.equal(socket.ofOperation('completed').length, stopped)
    assert.equal(socket.ofOperation('kept').filter(message => runOf(message) === run).length, 3)
    await socket.close()
  },

  'a complete of an unknown id is ignored': async () => {
    const socket = await Socket.initialised()
    socket.send({ type: 'complete', id: 'unknown' })
    socket.subscribe('1', TYPENAME)
    await socket.got('complete', '1')
    socket.send({ type: 'complete', id: '1' })
    await socket.flushed()
    await socket.close()
  },

  'an error ends its operation, not the connection': async () => {
    const socket = await Socket.initialised()
    const rejected = {
      syntax: '{',
      validation: '{ nothing }',
      cursor: 'subscription { syncRunChanged(after: "x") { kind } }',
    }
    for (const [id, query] of Object.entries(rejected)) socket.subscribe(id, query)
    for (const id of Object.keys(rejected)) {
      const { payload } = await socket.got('error', id)
      assert.ok(Array.isArray(payload) && payload.length > 0)
      for (const { message, extensions } of payload) {
        assert.equal(typeof message, 'string')
        assert.equal(typeof extensions.code, 'string')
      }
    }
    await socket.flushed()
    for (const id of Object.keys(rejected)) assert.equal(socket.ofOperation(id).length, 1)
    await socket.close()
  },

  'many operations share a socket': async () => {
    const socket = await Socket.initialised()
    const ids = Array.from({ length: 20 }, (_, index) => `query ${index}`)
    for (const id of ids) {
      socket.subscribe(id, 'query Named($id: ID!) { syncRun(id: $id) { id } }', {
        operationName: 'Named',
        variables: { id: '00000000-0000-0000-0000-000000000000' },
        extensions: { some: 'thing' },
      })
    }
    for (const id of ids) {
      await socket.got('complete', id)
      const [next, complete, ...more] = socket.ofOperation(id)
      assert.deepEqual(next, { type: 'next', id, payload: { data: { syncRun: null } } })
      assert.deepEqual(complete, { type: 'complete', id })
      assert.equal(more.length, 0)
    }
    await socket.close()
  },

  'a message of 1 MiB is read, a longer one closes the socket': async () => {
    const ping = length => {
      const [head, tail] = ['{"type":"ping","payload":{"filler":"', '"}}']
      return head + 'x'.repeat(length - head.length - tail.length) + tail
    }
    const socket = await Socket.initialised()
    socket.send(ping(MAX_MESSAGE_BYTES))
    await socket.got('pong')
    socket.send(ping(MAX_MESSAGE_BYTES + 1))
    // The protocol does not specify the code.
    await within(socket.closed, 'the socket to close')
    assert.equal(socket.messages.items.length, 2)
  },

  'the close handshake completes with a subscription in flight': async () => {
    const socket = await Socket.initialised()
    socket.subscribe('1', WATCH)
    await socket.flushed()
    await socket.close()
  },

  'a lost connection does not affect others': async () => {
    const sockets = await Promise.all(Array.from({ length: 50 }, Socket.initialised))
    for (const socket of sockets) socket.subscribe('1', WATCH)
    const [first, ...others] = sockets
    for (const socket of others) socket.drop()
    await untilLive(first.messages, runOf)
    await first.close()
  },
})
