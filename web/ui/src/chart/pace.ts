// Graphs are drawn a few in each frame: when a page of them moves in time at
// once, it stays as quick as one of them.

const budget = 4 // ms of drawing in a frame, after which the rest waits for the next

export class Pace {
  private readonly waiting = new Map<object, () => void>()
  private frame = 0

  constructor(
    private readonly later: (fn: () => void) => number = (fn) => requestAnimationFrame(fn),
    private readonly now: () => number = () => performance.now(),
  ) {}

  // draw has a graph drawn soon; what it waited for before is dropped.
  draw(graph: object, fn: () => void): void {
    this.waiting.set(graph, fn)
    this.frame ||= this.later(this.run)
  }

  forget(graph: object): void {
    this.waiting.delete(graph)
  }

  private readonly run = () => {
    const start = this.now()
    for (const [graph, fn] of this.waiting) {
      this.waiting.delete(graph)
      fn()
      if (this.now() - start >= budget) break
    }
    this.frame = this.waiting.size ? this.later(this.run) : 0
  }
}

export const pace = new Pace()
