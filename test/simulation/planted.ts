import { mutants } from '../../simulate/mutants.ts'
import { plant } from '../../simulate/plant.ts'

// Loaded before the command itself, in each of its threads: a library with a defect.
const mutant = mutants.find(({ name }) => name === process.env['IPSE_PLANTED'])
if (mutant === undefined) throw new Error('IPSE_PLANTED names no mutant')
plant(mutant)
