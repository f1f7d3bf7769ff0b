import { expect, it } from 'vitest'
import { Pace } from './pace'

it('draws a few graphs in each frame, each as it was asked for last', () => {
  let clock = 0
  let frames: (() => void)[] = []
  const pace = new Pace((fn) => frames.push(fn), () => clock)
  const drawn: string[] = []
  const graphs = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name }))
  const ask = (of: { name: string }, what: string) => pace.draw(of, () => (drawn.push(what), (clock += 3)))
  for (const g of graphs) ask(g, g.name)
  ask(graphs[2], 'c again')
  pace.forget(graphs[4])
  const frame = () => {
    const run = frames
    frames = []
    run.forEach((fn) => fn())
  }
  frame()
  expect(drawn).toEqual(['a', 'b'])
  frame()
  expect(drawn).toEqual(['a', 'b', 'c again', 'd'])
  expect(frames).toEqual([])
  ask(graphs[0], 'a')
  frame()
  expect(drawn.length).toBe(5)
})
