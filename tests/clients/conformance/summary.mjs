// The summary of a comparison.

/** Counts outcomes, and collects differences by kind. */
export class Summary {
  outcomes = new Map()
  differences = new Map()
  #started = performance.now()

  add(index, { outcome, difference, parameters }) {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    if (!difference) return
    if (!this.differences.has(difference.kind)) this.differences.set(difference.kind, [])
    this.differences.get(difference.kind).push({ index, parameters, detail: difference.detail })
  }

  finish() {
    this.seconds = (performance.now() - this.#started) / 1000
  }

  get isClean() {
    return this.differences.size === 0
  }

  /** Returns how many of the documents exceeded a limit, from 0 to 1. */
  get shareOfTooComplex() {
    return (this.outcomes.get('too complex') ?? 0) / this.total
  }

  get total() {
    return [...this.outcomes.values()].reduce((sum, count) => sum + count, 0)
  }

  /**
   * Describes the outcomes, and a number of examples of each kind of difference. `reduce` makes an example smaller.
   */
  async report(examples, reduce) {
    const outcomes = [...this.outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
    const sorted = [...this.differences].sort(([, one], [, other]) => other.length - one.length)
    const differing = sorted.reduce((sum, [, found]) => sum + found.length, 0)
    const lines = [`${this.total} documents in ${this.seconds.toFixed(1)} s: ${outcomes}; ${differing} differences`]
    for (const [kind, found] of sorted) {
      lines.push(`${found.length} × ${kind}`)
      const shortest = found.toSorted((one, other) => one.parameters.query.length - other.parameters.query.length)
      for (const example of shortest.slice(0, examples)) lines.push(...describe(example, await reduce(example, kind)))
    }
    return lines.join('\n')
  }
}

/** Describes an example by its number, its change from a valid document, and the smallest request found. */
function describe({ index, parameters, detail }, { query, variables }) {
  const change = parameters.label ? ` (${parameters.label})` : ''
  const given = variables && variables !== 'null' ? ` with ${variables}` : ''
  return [`    #${index}${change} ${detail}`, `        ${query.replaceAll(/\s+/g, ' ')}${given}`]
}
