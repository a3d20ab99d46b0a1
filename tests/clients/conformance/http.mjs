// Sends requests to the server.

import { Agent, request as startRequest } from 'node:http'

const TIMEOUT = 30_000

/** Writes the parameters of a request as JSON. `variables` is JSON already, or an object. */
export function writeBody({ query, variables, operationName }) {
  const parameters = [`"query": ${JSON.stringify(query)}`]
  if (variables !== undefined) {
    parameters.push(`"variables": ${typeof variables === 'string' ? variables : JSON.stringify(variables)}`)
  }
  if (operationName !== undefined) parameters.push(`"operationName": ${JSON.stringify(operationName)}`)
  return `{${parameters.join(', ')}}`
}

/** Sends requests over HTTP, on connections that are kept. */
export class HttpTransport {
  constructor(url, connections) {
    this.url = new URL(url)
    this.agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  /** Sends a request by POST and returns the text of the response. */
  post(parameters, accept) {
    return this.#send('POST', this.url, accept, writeBody(parameters))
  }

  /** Sends a query by GET and returns the text of the response. */
  get({ query, variables, operationName }, accept) {
    const url = new URL(this.url)
    url.searchParams.set('query', query)
    if (variables !== undefined) url.searchParams.set('variables', variables)
    if (typeof operationName === 'string') url.searchParams.set('operationName', operationName)
    return this.#send('GET', url, accept)
  }

  #send(method, url, accept = 'application/graphql-response+json', body) {
    const headers = { accept, ...(body && { 'content-type': 'application/json' }) }
    return new Promise((resolve, reject) => {
      const options = { method, agent: this.agent, headers, timeout: TIMEOUT }
      const request = startRequest(url, options, response => {
        response.setEncoding('utf8')
        let text = ''
        response.on('data', chunk => (text += chunk))
        response.on('end', () => resolve(text))
        response.on('error', reject)
      })
      request.on('timeout', () => request.destroy(new Error(`no response in ${TIMEOUT / 1000} s`)))
      request.on('error', reject)
      request.end(body)
    })
  }

  close() {
    this.agent.destroy()
  }
}
