// Transports of responses one after the other: server-sent events and WebSockets.

import { request as startRequest } from 'node:http'
import WebSocket from 'ws'
import { parseWritten } from './json.mjs'

const TIMEOUT = 15_000

/** The server has closed the connection of an operation. */
export class ConnectionClosed extends Error {}

/** Responses of an operation, in their order. */
class Channel {
  #items = []
  #waiting = []

  constructor(close) {
    this.close = close
  }

  push(item) {
    const waiting = this.#waiting.shift()
    if (waiting) waiting(item)
    else this.#items.push(item)
  }

  /**
   * Returns the next response, `{ done: true }` at the end, or `{ timedOut: true }`. Throws `ConnectionClosed` if the
   * connection is closed before.
   */
  async next(timeout = TIMEOUT) {
    const item = await this.#receive(timeout)
    if (item.closed) throw new ConnectionClosed(item.closed)
    return item
  }

  #receive(timeout) {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift())
    return new Promise(resolve => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter(waiting => waiting !== settle)
        resolve({ timedOut: true })
      }, timeout)
      const settle = item => {
        clearTimeout(timer)
        resolve(item)
      }
      this.#waiting.push(settle)
    })
  }
}

/** Server-sent events: one connection for each operation. */
export class EventStreams {
  constructor(url) {
    this.url = url
  }

  open(body) {
    const headers = { accept: 'text/event-stream', 'content-type': 'application/json' }
    const request = startRequest(this.url, { method: 'POST', headers, agent: false }, response => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', chunk => {
        text += chunk
        const blocks = text.split('\n\n')
        text = blocks.pop()
        blocks
          .map(parseEvent)
          .filter(Boolean)
          .forEach(item => channel.push(item))
      })
      response.on('close', () => channel.push({ done: true }))
      response.on('error', () => {})
    })
    const channel = new Channel(() => request.destroy())
    request.on('error', error => channel.push({ closed: error.message }))
    request.end(body)
    return channel
  }

  close() {}
}

function parseEvent(block) {
  const [, type] = /^event: ?(.*)$/m.exec(block) ?? []
  const [, data] = /^data: ?(.*)$/m.exec(block) ?? []
  if (type === 'next') return { response: parseWritten(data) }
  return type === 'complete' ? { done: true } : undefined
}

/** Operations on one WebSocket, by the protocol graphql-transport-ws. */
export class SocketOperations {
  #channels = new Map()
  #count = 0
  #ready

  constructor(url) {
    this.url = url.replace(/^http/, 'ws')
  }

  #connect() {
    this.socket = new WebSocket(this.url, 'graphql-transport-ws')
    return new Promise((resolve, reject) => {
      this.socket.on('open', () => this.#send({ type: 'connection_init' }))
      this.socket.on('error', reject)
      this.socket.on('message', data => {
        const message = parseWritten(String(data))
        if (message.get('type') === 'connection_ack') resolve()
        else this.#receive(message)
      })
      this.socket.on('close', (code, reason) => {
        this.#ready = undefined
        for (const channel of this.#channels.values()) channel.push({ closed: `${code} ${reason}` })
        this.#channels.clear()
      })
    })
  }

  /** Starts an operation; `body` is the JSON of its parameters. */
  async open(body) {
    this.#ready ??= this.#connect()
    await this.#ready
    const id = String(this.#count++)
    const channel = new Channel(() => {
      if (this.#channels.delete(id)) this.#send({ type: 'complete', id })
    })
    this.#channels.set(id, channel)
    this.socket.send(`{"type": "subscribe", "id": "${id}", "payload": ${body}}`)
    return channel
  }

  #receive(message) {
    const [type, id, payload] = ['type', 'id', 'payload'].map(key => message.get(key))
    if (type === 'ping') return this.#send({ type: 'pong' })
    const channel = this.#channels.get(id)
    if (type === 'next') channel?.push({ response: payload })
    if (type === 'error') channel?.push({ response: new Map([['errors', payload]]) })
    if (type === 'error' || type === 'complete') {
      this.#channels.delete(id)
      channel?.push({ done: true })
    }
    return undefined
  }

  #send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message))
  }

  close() {
    this.socket?.terminate()
  }
}
