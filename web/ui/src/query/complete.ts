// A suggestion of the server put into a query. The server counts in bytes.
export interface Suggestion {
  text: string
  kind: string
  note?: string
  from: number // what is replaced up to the cursor
  insert: string // by this
  caret: number // bytes of it before the cursor then
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const bytesOf = (text: string) => encoder.encode(text).length

// charAt is where a byte of a text lies in it.
export const charAt = (text: string, byte: number) => decoder.decode(encoder.encode(text).subarray(0, byte)).length

// apply replaces the word around the cursor.
export function apply(text: string, cursor: number, s: Suggestion): { text: string; cursor: number } {
  const from = charAt(text, s.from)
  const rest = text.slice(cursor).replace(/^[A-Za-z0-9_./]+/, '')
  return { text: text.slice(0, from) + s.insert + rest, cursor: from + charAt(s.insert, s.caret) }
}
