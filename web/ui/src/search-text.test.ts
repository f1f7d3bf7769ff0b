import { expect, it } from 'vitest'
import { asks, term, toggled } from './search-text'

it('a value with blanks is quoted, and found again', () => {
  const word = term('source', 'my apps')
  expect(word).toBe('source:"my apps"')
  const search = toggled('deploy env:prod', word)
  expect(search).toBe('deploy env:prod source:"my apps"')
  expect(asks(search, word)).toBe(true)
  expect(toggled(search, word)).toBe('deploy env:prod')
})

it('a term is a whole word, in any case', () => {
  expect(asks('env:production', 'env:prod')).toBe(false)
  expect(asks('Env:Prod', 'env:prod')).toBe(true)
  expect(toggled('', 'env:prod')).toBe('env:prod')
})
