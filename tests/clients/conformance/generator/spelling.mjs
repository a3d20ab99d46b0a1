// Spells the tokens of a document in different ways that mean the same.

import { Lexer, print, Source, TokenKind } from 'graphql'

const IGNORED = [' ', '  ', ',', '\n', '\r\n', '\r', '\t', ' , ', '#\n', '# "comment" { …\n', '#💥\r', '\uFEFF']

/** Returns the text of a document. */
export function spell(document, random) {
  const text = print(document)
  if (random.chance(0.85)) return text
  const spellings = new Map()
  return tokensOf(text)
    .map(token => spellToken(token, spellings, random))
    .reduce(
      (spelled, token) => spelled + separator(spelled, token, random) + token,
      random.chance(0.05) ? '\uFEFF' : '',
    )
}

/** Returns the tokens of a text. */
export function tokensOf(text) {
  const lexer = new Lexer(new Source(text))
  const tokens = []
  for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) tokens.push(token)
  return tokens
}

/** Spells equal strings equally: graphql-js takes arguments for different that are spelled differently. */
function spellToken({ kind, value }, spellings, random) {
  if (kind !== TokenKind.STRING && kind !== TokenKind.BLOCK_STRING) return value ?? kind
  if (!spellings.has(value)) spellings.set(value, spellString(value, random))
  return spellings.get(value)
}

/** Returns what separates two tokens: often nothing, where nothing is needed. */
function separator(before, token, random) {
  const isNeeded = /[\w.-]$/.test(before) && /^[\w.-]/.test(token)
  // Two quotation marks next to each other would begin a block string.
  const isQuoted = before.endsWith('"') && token.startsWith('"')
  if (!isNeeded && !isQuoted && random.chance(0.7)) return ''
  return Array.from({ length: random.between(1, 2) }, () => random.pick(IGNORED)).join('')
}

/** Returns a literal of a string. */
function spellString(value, random) {
  if (random.chance(0.2)) {
    const block = blockString(value, random)
    if (block) return block
  }
  return `"${[...value].map(character => spellCharacter(character, random)).join('')}"`
}

const ESCAPES = { '"': '\\"', '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function spellCharacter(character, random) {
  const code = character.codePointAt(0)
  if (random.chance(0.05)) {
    const units = [...Array(character.length).keys()].map(index => character.charCodeAt(index))
    return random.pick([
      units.map(unit => `\\u${unit.toString(16).padStart(4, '0')}`).join(''),
      `\\u{${code.toString(16)}}`,
      `\\u{${code.toString(16).toUpperCase().padStart(6, '0')}}`,
    ])
  }
  if (character === '/' && random.chance(0.2)) return '\\/'
  return ESCAPES[character] ?? (code < 0x20 ? `\\u${code.toString(16).padStart(4, '0')}` : character)
}

/** Returns a block string of a text, if there is one. */
function blockString(value, random) {
  const isWritable = !/[^\n\P{Cc}]|\r/u.test(value) && !value.endsWith('\\') && !value.endsWith('"')
  if (!isWritable || /^\s|\s$|^$|\n[ \t]/.test(value)) return undefined
  const indent = random.pick(['', '  ', '\t'])
  const lines = value.replaceAll('"""', '\\"""').split('\n')
  if (!random.chance(0.5)) return `"""${lines.join(`\n${indent}`)}"""`
  return `"""\n${lines.map(line => indent + line).join(random.pick(['\n', '\r\n']))}\n${indent}"""`
}
