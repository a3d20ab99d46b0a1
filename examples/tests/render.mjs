// Renders React components in a DOM of their own, and waits for what hooks return.

import { Window } from 'happy-dom'
import { within } from '../../tests/clients/helpers.mjs'

const window = new Window({ url: 'http://localhost/' })
for (const name of ['window', 'document', 'navigator', 'HTMLElement']) {
  // Node has a `navigator` that cannot be assigned.
  Object.defineProperty(globalThis, name, { value: window[name], configurable: true })
}
// React reads the globals when it is loaded.
const { createElement } = await import('react')
const { createRoot } = await import('react-dom/client')

/**
 * Renders a hook within the elements that `wrap` adds. Returns a function that resolves to what the hook returns, once
 * it returns what is `wanted`.
 */
export function renderHook(useHook, wrap) {
  let result
  const waiting = new Set()
  const Probe = () => {
    result = useHook()
    for (const settle of waiting) settle()
    return null
  }
  const root = createRoot(document.body.appendChild(document.createElement('div')))
  root.render(wrap(createElement(Probe)))
  return async (wanted, what) => {
    let settle
    const found = new Promise((resolve, reject) => {
      settle = () => {
        try {
          if (result && wanted(result)) resolve(result)
        } catch (error) {
          reject(error)
        }
      }
    })
    waiting.add(settle)
    settle()
    try {
      return await within(found, what, { received: () => summary(result) })
    } finally {
      waiting.delete(settle)
    }
  }
}

/** What a timeout shows of a result. */
function summary(result) {
  const shown = {}
  for (const [name, value] of Object.entries(result ?? {})) {
    if (value instanceof Error) shown[name] = `${value}`
    else if (typeof value !== 'function') shown[name] = value
  }
  return shown
}
