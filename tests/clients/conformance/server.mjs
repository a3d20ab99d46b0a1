// The server, by its transports.

import { EventStreams, SocketOperations } from './channels.mjs'
import { HttpTransport, writeBody } from './http.mjs'
import { parseWritten } from './json.mjs'

/** Longer documents are not sent in a URL. */
const MAX_GET = 5_000

/** Sends requests to the server. */
export class Server {
  constructor(url, connections) {
    this.http = new HttpTransport(url, connections)
    this.channels = { sse: new EventStreams(url), socket: new SocketOperations(url) }
  }

  /** Sends a request by POST, and returns the text of the response. */
  post = request => this.http.post(request)

  /** Opens a channel that receives the responses to a request. */
  open({ transport, ...request }) {
    return this.channels[transport].open(writeBody(request))
  }

  /** Sends a request that has one response, and returns the response. Only queries are sent by GET. */
  async send({ transport, ...request }, isQuery) {
    if (transport === 'sse' || transport === 'socket') return this.#receiveOne({ transport, ...request })
    if (transport === 'get' && isQuery && request.query.length < MAX_GET)
      return parseWritten(await this.http.get(request))
    const accept = transport === 'json' ? 'application/json' : undefined
    return parseWritten(await this.http.post(request, accept))
  }

  async #receiveOne(request) {
    const channel = await this.open(request)
    const { response, ...other } = await channel.next()
    const end = await channel.next()
    channel.close()
    if (!response || !end.done) throw new Error(`${JSON.stringify([other, end])} is received for ${request.query}`)
    return response
  }

  close() {
    for (const transport of [this.http, ...Object.values(this.channels)]) transport.close()
  }
}
