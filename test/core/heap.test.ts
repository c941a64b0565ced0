import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Heap } from '../../src/core/heap.ts'

test('a heap gives the least of what it holds, whatever was put in and taken out before', () => {
  fc.assert(fc.property(fc.array(fc.option(fc.nat(20))), steps => {
    const heap = new Heap<number>((a, b) => a < b)
    const model: number[] = []
    for (const step of steps) {
      if (step === null) {
        model.sort((a, b) => a - b)
        expect(heap.first).toBe(model[0])
        expect(heap.shift()).toBe(model.shift())
      } else {
        heap.push(step)
        model.push(step)
      }
      expect(heap.size).toBe(model.length)
      expect([...heap].toSorted((a, b) => a - b)).toEqual(model.toSorted((a, b) => a - b))
    }
  }))
})
