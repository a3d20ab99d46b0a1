// A server in a process of its own, with an SQLite database in a folder.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

const CREATE = 'mutation ($input: CreateSyncRunInput!) { createSyncRun(input: $input) { run { id } } }'
const START = 'mutation ($runId: ID!) { startSyncRun(runId: $runId) { run { id } } }'
const REPORT = 'mutation ($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }'
const COMPLETE = 'mutation ($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) { run { id } } }'
const DELETE = 'mutation ($input: DeleteSyncRunsInput!) { deleteSyncRuns(input: $input) { deletedRunIds } }'
const LIST = `query ($filter: SyncRunFilter, $direction: OrderDirection!) {
  syncRuns(filter: $filter, orderBy: { direction: $direction }, first: 100) { nodes { id status recordsProcessed } }
}`

export class Server {
  #executable
  #folder
  #process
  #key
  /** Where requests are sent at present. */
  #current

  static async start(executable, folder) {
    const server = new Server()
    server.#executable = executable
    server.#folder = folder
    mkdirSync(folder)
    server.#run('migrate')
    server.readKey = server.#run('key', 'create', '--name', 'example', '--scope', 'read')
    server.#key = server.#run('key', 'create', '--name', 'test', '--scope', 'admin')
    server.url = await server.#listen('127.0.0.1:0')
    return server
  }

  #run(...parameters) {
    return execFileSync(this.#executable, parameters, { cwd: this.#folder, stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim()
  }

  async #listen(address) {
    const stdio = ['ignore', 'pipe', 'ignore']
    this.#process = spawn(this.#executable, ['--listen', address], { cwd: this.#folder, stdio })
    for await (const line of createInterface({ input: this.#process.stdout })) {
      this.#current = line.replace('listening on ', '')
      return this.#current
    }
    throw new Error(`the server does not start on ${address}`)
  }

  /** Starts on another port, where pages do not find it. */
  startElsewhere() {
    return this.#listen('127.0.0.1:0')
  }

  restart() {
    return this.#listen(new URL(this.url).host)
  }

  async stop() {
    if (this.#process.exitCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await exited
  }

  /** Revokes the key that can read. */
  revokeKey() {
    this.#run('key', 'revoke', 'example')
  }

  /** Copies the database of a server that is stopped. */
  backUp() {
    cpSync(this.#folder, `${this.#folder}-backup`, { recursive: true })
  }

  /** Replaces the database of a server that is stopped by its copy. */
  restore() {
    rmSync(this.#folder, { recursive: true })
    cpSync(`${this.#folder}-backup`, this.#folder, { recursive: true })
  }

  async #request(query, variables) {
    const response = await fetch(`${this.#current}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#key}` },
      body: JSON.stringify({ query, variables }),
    })
    const { data, errors } = await response.json()
    if (errors) throw new Error(JSON.stringify(errors))
    return Object.values(data)[0]
  }

  /** Returns the runs that match, at most 100. */
  async list(filter, direction) {
    return (await this.#request(LIST, { filter, direction })).nodes
  }

  async create(input) {
    const { run } = await this.#request(CREATE, { input: { entityType: 'STOCK', source: 'API', ...input } })
    return run.id
  }

  async start(runId) {
    await this.#request(START, { runId })
  }

  async report(runId, recordsProcessed) {
    await this.#request(REPORT, { input: { runId, counts: { recordsProcessed } } })
  }

  async complete(runId) {
    await this.#request(COMPLETE, { input: { runId } })
  }

  async delete(runId) {
    await this.#request(DELETE, { input: { runIds: [runId] } })
  }
}
