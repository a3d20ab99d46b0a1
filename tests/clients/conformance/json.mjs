// JSON as it is written: the order of keys and the spelling of numbers are kept.

/** A number as it is written, such as `5.0`. */
export class WrittenNumber {
  constructor(text) {
    this.text = text
  }

  valueOf() {
    return Number(this.text)
  }
}

const TOKEN = /\s*(?:([{}[\],:])|("(?:[^"\\]|\\.)*")|(-?[0-9][0-9.eE+-]*)|(true|false|null))/y

/** Parses JSON: objects to maps, numbers to written numbers. */
export function parseWritten(text) {
  let index = 0
  function next() {
    TOKEN.lastIndex = index
    const match = TOKEN.exec(text)
    if (!match) throw new Error(`not JSON at ${index}: ${text.slice(index, index + 40)}`)
    index = TOKEN.lastIndex
    return match
  }
  function value([, punctuator, string, number, word]) {
    if (string !== undefined) return JSON.parse(string)
    if (number !== undefined) return new WrittenNumber(number)
    if (word !== undefined) return JSON.parse(word)
    return punctuator === '{' ? object() : array()
  }
  function object() {
    const map = new Map()
    let token = next()
    while (token[1] !== '}') {
      if (token[1] === ',') token = next()
      next()
      const key = JSON.parse(token[2])
      if (map.has(key)) throw new Error(`the key ${key} is written twice`)
      map.set(key, value(next()))
      token = next()
    }
    return map
  }
  function array() {
    const items = []
    let token = next()
    while (token[1] !== ']') {
      if (token[1] === ',') token = next()
      items.push(value(token))
      token = next()
    }
    return items
  }
  const parsed = value(next())
  if (text.slice(index).trim()) throw new Error(`text after JSON: ${text.slice(index, index + 40)}`)
  return parsed
}

/** Converts a parsed value to what `JSON.parse` returns. */
export function plain(value) {
  if (value instanceof WrittenNumber) return Number(value.text)
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, inner]) => [key, plain(inner)]))
  return value
}

/** Writes a parsed value as it was. */
export function write(value) {
  if (value instanceof WrittenNumber) return value.text
  if (Array.isArray(value)) return `[${value.map(write)}]`
  if (!(value instanceof Map)) return JSON.stringify(value)
  return `{${[...value].map(([key, inner]) => `${JSON.stringify(key)}:${write(inner)}`)}}`
}
