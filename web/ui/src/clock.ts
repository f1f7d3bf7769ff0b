// The server's clock: data is stamped by it, and the browser's may differ.

let ahead = 0 // ms

export const now = (): number => Date.now() + ahead

export function setServerTime(ms: number): void {
  ahead = ms - Date.now()
}
