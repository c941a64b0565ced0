import { backendSteps } from './backend.ts'
import { ipseHidSteps } from './ipse-hid.ts'
import { libfido2Steps } from './libfido2.ts'
import { nodeHidSteps } from './node-hid.ts'
import { perform } from './steps.ts'

// Runs in the virtual machine.
console.log(`Node.js ${process.version} runs`)
const failed = await perform([...libfido2Steps(), ...nodeHidSteps(), ...backendSteps(), ...ipseHidSteps()], line => console.log(line))
console.log(failed === 0 ? 'All steps passed.' : `${failed} steps failed.`)
process.exit(failed === 0 ? 0 : 1) // A device that hangs keeps no one.
