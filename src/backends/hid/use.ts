import { Fault } from '../../core/errors.ts'
import type { CiphertextRefusal, Decryptor, Signer } from '../backend.ts'
import type { EngineID } from '../../core/engine-id.ts'

type Sign = (data: Uint8Array, signal: AbortSignal, asker: EngineID | undefined) => Promise<Uint8Array>
type Decrypt = (ciphertext: Uint8Array, signal: AbortSignal, asker: EngineID | undefined) => Promise<Uint8Array | CiphertextRefusal>

/** Signs by a device, until it is closed. It holds nothing. */
export class DeviceSigner implements Signer {
  #sign: Sign | undefined

  constructor(sign: Sign) {
    this.#sign = sign
  }

  async sign(data: Uint8Array, signal: AbortSignal, asker?: EngineID): Promise<Uint8Array> {
    if (this.#sign === undefined) throw closed()
    return this.#sign(data, signal, asker)
  }

  close(): void {
    this.#sign = undefined
  }
}

/** Decrypts by a device, until it is closed. It holds nothing. */
export class DeviceDecryptor implements Decryptor {
  #decrypt: Decrypt | undefined

  constructor(decrypt: Decrypt) {
    this.#decrypt = decrypt
  }

  async decrypt(ciphertext: Uint8Array, signal: AbortSignal, asker?: EngineID): Promise<Uint8Array | CiphertextRefusal> {
    if (this.#decrypt === undefined) throw closed()
    return this.#decrypt(ciphertext, signal, asker)
  }

  close(): void {
    this.#decrypt = undefined
  }
}

function closed(): Fault {
  return new Fault('backend-failed', 'It was closed: ask the backend for another one')
}
