// A seeded source of random choices.

/** Makes choices that depend only on the seed. */
export class Random {
  #state

  /** Any number of seeds: those of a series, and the number of an item in it. */
  constructor(...seeds) {
    this.#state = seeds.reduce((hash, seed) => scramble(hash ^ Math.imul(seed + 1, 0x9e3779b1)), 0x243f6a88)
  }

  /** Returns a number from 0 to less than 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    return scramble(this.#state) / 2 ** 32
  }

  /** Returns an integer from 0 to less than `bound`. */
  below(bound) {
    return Math.floor(this.next() * bound)
  }

  between(min, max) {
    return min + this.below(max - min + 1)
  }

  chance(probability) {
    return this.next() < probability
  }

  pick(items) {
    return items[this.below(items.length)]
  }

  /** Picks a key of an object whose values are the weights. */
  weighted(weights) {
    const entries = Object.entries(weights)
    let rest = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      rest -= weight
      if (rest < 0) return key
    }
    return entries.at(-1)[0]
  }

  shuffle(items) {
    const shuffled = [...items]
    for (let index = shuffled.length - 1; index > 0; index--) {
      const other = this.below(index + 1)
      ;[shuffled[index], shuffled[other]] = [shuffled[other], shuffled[index]]
    }
    return shuffled
  }

  /** Returns a UUID of version 4. */
  uuid() {
    const hex = Array.from({ length: 32 }, () => this.below(16).toString(16))
    hex[12] = '4'
    hex[16] = this.pick(['8', '9', 'a', 'b'])
    return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }
}

function scramble(value) {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 15), hash | 1)
  hash ^= hash + Math.imul(hash ^ (hash >>> 7), hash | 61)
  return (hash ^ (hash >>> 14)) >>> 0
}
