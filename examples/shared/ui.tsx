// The page around each list. It knows no GraphQL client.

import { type ComponentType, type ReactNode, useState, useSyncExternalStore } from 'react'
import type { OrderDirection, SyncRunFilter, SyncSource, SyncStatus } from './graphql'
import { connection, signIn } from './server'

export const PAGE_SIZE = 10

export interface Run {
  id: string
  entityType: string
  source: string
  status: string
  startedAt: string
  recordsProcessed: number
}

export interface ListProps {
  filter: SyncRunFilter
  direction: OrderDirection
  /** Reads the list from its beginning. */
  restart: () => void
}

/** A list with a filter and an order, which is read anew when they change. */
export function RunsPage({ title, List }: { title: string; List: ComponentType<ListProps> }) {
  const [choice, setChoice] = useState<Choice>({})
  const [direction, setDirection] = useState<OrderDirection>('DESC')
  const [attempt, setAttempt] = useState(0)
  const filter: SyncRunFilter = {}
  if (choice.status) filter.status = [choice.status]
  if (choice.source) filter.source = [choice.source]
  return (
    <Page title={title}>
      <Controls choice={choice} onChoice={setChoice} direction={direction} onDirection={setDirection} />
      <List
        key={`${JSON.stringify(filter)} ${direction} ${attempt}`}
        filter={filter}
        direction={direction}
        restart={() => setAttempt(attempt => attempt + 1)}
      />
    </Page>
  )
}

export function Page({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main style={{ fontFamily: 'sans-serif' }}>
      <h1>Runs with {title}</h1>
      <ConnectionState />
      <SignIn />
      {children}
    </main>
  )
}

function ConnectionState() {
  const live = useSyncExternalStore(connection.subscribe, connection.isLive)
  return <p role="status">{live ? 'Live' : 'Connecting…'}</p>
}

function SignIn() {
  const [token, setToken] = useState('')
  const submit = () => signIn(token)
  return (
    <form onSubmit={event => (event.preventDefault(), submit())}>
      <input
        type="password"
        aria-label="API key"
        placeholder="API key, if the server requires one"
        value={token}
        onChange={event => setToken(event.target.value)}
      />
      <button>Sign in</button>
    </form>
  )
}

const STATUSES: SyncStatus[] = ['PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED']
const SOURCES: SyncSource[] = ['AS400', 'FILEMAKER', 'API', 'FILE', 'EXTERNAL']

/** What a list is filtered by. */
export interface Choice {
  status?: SyncStatus
  source?: SyncSource
}

interface ControlsProps {
  choice: Choice
  onChoice: (choice: Choice) => void
  direction: OrderDirection
  onDirection: (direction: OrderDirection) => void
}

export function Controls({ choice, onChoice, direction, onDirection }: ControlsProps) {
  return (
    <p>
      <Select label="Status" values={STATUSES} value={choice.status} onChange={status => onChoice({ ...choice, status })} />
      <Select label="Source" values={SOURCES} value={choice.source} onChange={source => onChoice({ ...choice, source })} />
      <select
        aria-label="Order"
        value={direction}
        onChange={event => onDirection(event.target.value as OrderDirection)}
      >
        <option value="DESC">Newest first</option>
        <option value="ASC">Oldest first</option>
      </select>
    </p>
  )
}

interface SelectProps<T extends string> {
  label: string
  values: T[]
  value: T | undefined
  onChange: (value: T | undefined) => void
}

function Select<T extends string>({ label, values, value, onChange }: SelectProps<T>) {
  return (
    <select
      aria-label={label}
      value={value ?? ''}
      onChange={event => onChange(values.find(one => one === event.target.value))}
    >
      <option value="">{label}: any</option>
      {values.map(one => (
        <option key={one}>{one}</option>
      ))}
    </select>
  )
}

export function RunTable({ children }: { children: ReactNode }) {
  return (
    <table>
      <thead>
        <tr>
          <th>Started</th>
          <th>Entity type</th>
          <th>Source</th>
          <th>Status</th>
          <th>Records</th>
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  )
}

export function RunRow({ run }: { run: Run }) {
  return (
    <tr id={run.id}>
      <td>{new Date(run.startedAt).toLocaleString()}</td>
      <td>{run.entityType}</td>
      <td>{run.source}</td>
      <td>{run.status}</td>
      <td>{run.recordsProcessed}</td>
    </tr>
  )
}

export function Failure({ error, retry }: { error: { message: string }; retry: () => void }) {
  return (
    <p role="alert">
      {error.message} <button onClick={retry}>Try again</button>
    </p>
  )
}
