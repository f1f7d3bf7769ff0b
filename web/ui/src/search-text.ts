// Searches as people write them: words side by side, "key:value" among them.

const quoted = (value: string) => (/[\s()"]/.test(value) ? `"${value.replaceAll('"', '')}"` : value)

// term is how a search asks for a value.
export const term = (key: string, value: string): string => `${key}:${quoted(value)}`

const wordsOf = (search: string): string[] => search.match(/(?:[^\s"]|"[^"]*")+/g) ?? []

// asks reports whether a term stands in a search.
export const asks = (search: string, word: string): boolean => wordsOf(search).some((w) => w.toLowerCase() === word.toLowerCase())

// toggled puts a term into a search, or takes it out.
export function toggled(search: string, word: string): string {
  const words = wordsOf(search)
  const left = words.filter((w) => w.toLowerCase() !== word.toLowerCase())
  return (left.length < words.length ? left : [...words, word]).join(' ')
}
