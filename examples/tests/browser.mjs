// Each example in a browser, against a server of its own:
//
//   node tests/browser.mjs SYNC-HISTORY [EXAMPLE…]
//
// SYNC-HISTORY is the server's executable. The environment variable CHROMIUM is the path of the browser; the default is
// Debian's.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { build, preview } from 'vite'
import { Server } from './server.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** The names of the examples, and of the button for more rows. Pages replace each other, or are joined. */
const EXAMPLES = {
  apollo: 'Load more',
  urql: 'Load more',
  relay: 'Load more',
  'react-admin': 'Next',
  refine: 'Next',
}
const TIMEOUT = 20_000
const TOTAL_TIMEOUT = 150_000
const PAGE_SIZE = 10
const PENDING = { status: ['PENDING'], source: ['API'] }

const [executable, ...names] = process.argv.slice(2)
if (!executable) {
  console.error('usage: node tests/browser.mjs SYNC-HISTORY [EXAMPLE…]')
  process.exit(2)
}

/** One example in a browser, with its server. */
class Example {
  problems = []
  step = 'starting'
  /** Messages received over WebSockets, and the cursor of the last change. */
  #frames = []
  #cursor
  /** Where subscriptions begin, and the last cursor received before. */
  #subscriptions = []
  /** Errors that the present step causes. */
  #expected

  constructor(name, server, page, address) {
    Object.assign(this, { name, server, page, address, more: EXAMPLES[name] })
    page.setDefaultTimeout(TIMEOUT)
    page.on('websocket', socket => {
      socket.on('framereceived', ({ payload }) => {
        this.#frames.push(payload)
        this.#cursor = JSON.parse(payload).payload?.data?.syncRunChanged?.cursor ?? this.#cursor
      })
      socket.on('framesent', ({ payload }) => {
        const { after } = JSON.parse(payload).payload?.variables ?? {}
        if (after) this.#subscriptions.push({ after, cursor: this.#cursor })
      })
    })
    page.on('pageerror', error => this.problems.push(`uncaught: ${error.stack}`))
    page.on('console', message => {
      if (!['error', 'warning'].includes(message.type()) || this.#expected?.test(message.text())) return
      this.problems.push(message.text().slice(0, 500))
    })
  }

  rows() {
    const rows = this.page.locator('tbody tr')
    return rows.evaluateAll(rows => rows.map(({ id, cells }) => `${id} ${cells[3].textContent} ${cells[4].textContent}`))
  }

  /** Waits until a message about a run has arrived over a WebSocket. */
  async #received(id) {
    for (const deadline = Date.now() + TIMEOUT; !this.#frames.some(frame => frame.includes(id)); ) {
      assert.ok(Date.now() < deadline, `no message about the run ${id} arrives`)
      await new Promise(done => setTimeout(done, 20))
    }
  }

  /** Waits until the page shows the rows that the server returns. */
  async shows(filter, direction, { first, offset = 0 }) {
    let shown, expected
    for (const deadline = Date.now() + TIMEOUT; Date.now() < deadline; ) {
      const runs = await this.server.list(filter, direction)
      expected = runs.slice(offset, offset + first).map(run => `${run.id} ${run.status} ${run.recordsProcessed}`)
      shown = await this.rows()
      if (`${shown}` === `${expected}`) return runs
      await new Promise(done => setTimeout(done, 50))
    }
    assert.deepEqual(shown, expected)
  }

  /** Loads the second page. Its response arrives later than a change that it does not contain yet. */
  async changeWhileLoading() {
    const { page, server } = this
    const [first, ...others] = await server.list(PENDING, 'ASC')
    await page.getByRole('status').getByText('Live').waitFor()
    const answer = async route => {
      const response = await route.fetch()
      await server.start(others.at(-1).id)
      // Changes arrive in order: once this one has, so has the other.
      await server.start(first.id)
      await this.#received(first.id)
      await route.fulfill({ response })
    }
    const answers = []
    await page.route(/\/graphql/, route => answers.push(answer(route)), { times: 1 })
    const requested = page.waitForRequest(/\/graphql/)
    await page.getByRole('button', { name: this.more }).click()
    await requested
    await Promise.all(answers)
  }

  async check() {
    const { page, server } = this
    const joined = this.more === 'Load more'
    this.step = 'creating runs'
    for (let number = 0; number < 36; number += 1) {
      const startedAt = `2026-01-01T00:00:${`${number}`.padStart(2, '0')}Z`
      const id = await server.create({ startedAt, status: number % 3 ? 'RUNNING' : 'PENDING' })
      if (number % 3 === 2) await server.complete(id)
    }
    await server.create({ startedAt: '2026-01-01T00:00:10Z', status: 'PENDING', source: 'FILE' })

    this.step = 'reading without a key'
    this.#expected = /authenticate|CloseEvent/
    await page.goto(`${this.address}/${this.name}/`)
    await page.getByRole('alert').waitFor()
    this.#expected = undefined
    this.step = 'signing in'
    await page.getByLabel('API key').fill(server.readKey)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await this.shows({}, 'DESC', { first: PAGE_SIZE })

    this.step = 'filtering'
    await page.getByLabel('Status').selectOption('PENDING')
    await this.shows({ status: ['PENDING'] }, 'DESC', { first: PAGE_SIZE })
    await page.getByLabel('Source').selectOption('API')
    await this.shows(PENDING, 'DESC', { first: PAGE_SIZE })
    this.step = 'sorting'
    await page.getByLabel('Order').selectOption('ASC')
    await this.shows(PENDING, 'ASC', { first: PAGE_SIZE })
    this.step = 'reading the second page'
    if (joined) await this.changeWhileLoading()
    else await page.getByRole('button', { name: this.more }).click()
    await this.shows(PENDING, 'ASC', joined ? { first: 20 } : { first: PAGE_SIZE, offset: PAGE_SIZE })
    await page.getByRole('button', { name: this.more, disabled: true }).waitFor()

    this.step = 'following changes of the last page'
    await page.getByRole('status').getByText('Live').waitFor()
    const created = await server.create({ status: 'PENDING' })
    await this.shows(PENDING, 'ASC', joined ? { first: 20 } : { first: PAGE_SIZE, offset: PAGE_SIZE })
    this.step = 'following a run that leaves the list'
    await server.start(created)
    await this.shows(PENDING, 'ASC', joined ? { first: 20 } : { first: PAGE_SIZE, offset: PAGE_SIZE })

    this.step = 'following the newest runs'
    await page.getByLabel('Order').selectOption('DESC')
    await this.shows(PENDING, 'DESC', { first: PAGE_SIZE })
    await page.getByLabel('Status').selectOption('')
    await this.shows({ source: ['API'] }, 'DESC', { first: PAGE_SIZE })
    await page.getByLabel('Source').selectOption('')
    await this.shows({}, 'DESC', { first: PAGE_SIZE })
    await server.report(created, 17)
    await this.shows({}, 'DESC', { first: PAGE_SIZE })
    await server.complete(created)
    const another = await server.create({ status: 'PENDING' })
    // Joined pages keep the rows they have.
    await this.shows({}, 'DESC', { first: joined ? PAGE_SIZE + 1 : PAGE_SIZE })

    this.step = 'losing the server'
    this.#expected = /the server responded with|WebSocket connection|ERR_|Failed to fetch/
    // The page cannot read a list any more that it reads because of this change.
    await server.create({ status: 'PENDING' })
    await server.stop()
    await page.getByRole('status').getByText('Connecting').waitFor()
    server.backUp()
    this.step = 'changing runs while the page is disconnected'
    await server.startElsewhere()
    await server.start(another)
    await server.delete(created)
    await server.create({ status: 'RUNNING' })
    await server.stop()
    this.step = 'reconnecting'
    await server.restart()
    await page.getByRole('status').getByText('Live').waitFor()
    await this.shows({}, 'DESC', { first: joined ? PAGE_SIZE + 2 : PAGE_SIZE })
    const { after, cursor } = this.#subscriptions.at(-1)
    assert.equal(after, cursor, 'the subscription resumes after the last change')
    await server.complete(another)
    await this.shows({}, 'DESC', { first: joined ? PAGE_SIZE + 2 : PAGE_SIZE })

    this.step = 'restoring a backup, with which cursors expire'
    await server.stop()
    server.restore()
    await server.restart()
    await this.shows({}, 'DESC', { first: PAGE_SIZE })
    await server.complete(another)
    await this.shows({}, 'DESC', { first: PAGE_SIZE })

    this.step = 'losing the credentials'
    this.#expected = /the server responded with|API key/
    server.revokeKey()
    await page.getByRole('alert').waitFor()
    assert.deepEqual(this.problems, [])
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    ...['--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  ],
})
const folder = await mkdtemp(join(tmpdir(), 'examples-'))

/** Runs an example. Returns what failed. */
async function run(name) {
  const server = await Server.start(resolve(executable), join(folder, name))
  const proxy = { '/graphql': { target: server.url, ws: true } }
  const site = await preview({
    root: ROOT,
    logLevel: 'silent',
    build: { outDir: join(folder, 'dist') },
    preview: { host: '127.0.0.1', port: 0, proxy },
  })
  const address = `http://127.0.0.1:${site.httpServer.address().port}`
  const page = await browser.newPage()
  const example = new Example(name, server, page, address)
  try {
    const started = Date.now()
    await example.check()
    console.log(`${name}: ${Date.now() - started} ms`)
  } catch (error) {
    const text = await page.locator('body').innerText().catch(() => 'nothing')
    return [`${name}, ${example.step}: ${error.message}`, ...example.problems, `the page shows: ${text}`].join('\n  ')
  } finally {
    await page.close()
    site.httpServer.close()
    await server.stop()
  }
}

const watchdog = setTimeout(() => {
  console.error(`timed out after ${TOTAL_TIMEOUT / 1000} s`)
  process.exit(1)
}, TOTAL_TIMEOUT)
try {
  const started = Date.now()
  // Development builds of the libraries check how they are used.
  process.env.NODE_ENV = 'development'
  await build({ root: ROOT, mode: 'development', logLevel: 'warn', build: { outDir: join(folder, 'dist'), emptyOutDir: true } })
  const selected = names.length ? names : Object.keys(EXAMPLES)
  const failures = (await Promise.all(selected.map(run))).filter(Boolean)
  for (const failure of failures) console.error(failure)
  console.log(`${selected.length - failures.length} of ${selected.length} examples passed in ${Date.now() - started} ms`)
  process.exitCode = failures.length ? 1 : 0
} finally {
  clearTimeout(watchdog)
  await browser.close()
  await rm(folder, { recursive: true, force: true })
}
process.exit()
