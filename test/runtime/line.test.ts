import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Line } from '../../src/runtime/line.ts'

test('a line gives what stands at a position, and the rest keeps its order', () => {
  fc.assert(fc.property(fc.array(fc.option(fc.nat(40)), { maxLength: 200 }), steps => {
    const line = new Line<number>()
    const model: number[] = []
    steps.forEach((position, n) => {
      if (position === null || position % 3 > 0) {
        line.push(n)
        model.push(n)
      } else {
        expect(line.take(position)).toBe(model.splice(position, 1)[0])
      }
      expect(line.length).toBe(model.length)
    })
  }))
})
