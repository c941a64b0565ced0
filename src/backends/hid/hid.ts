/**
 * A seam: how bytes reach a FIDO device. The rest of this folder knows nothing of node-hid, so that any pipe that carries reports can stand in for one.
 */
export interface HidDevices {
  /** The devices that are there now with FIDO's usage page, 0xF1D0. Rejects with `device-unavailable` where the machine can't be asked. */
  list(): Promise<readonly HidDevice[]>
  /**
   * Opens one that `list` told of. Rejects with `device-gone` when it is there no more, `device-unavailable` where the process lacks the right to open it, or another
   * program holds it.
   */
  open(device: HidDevice): Promise<HidConnection>
}

/** A device as it is seen before it is opened. */
export interface HidDevice {
  /** Names it for as long as it is plugged in. */
  readonly path: string
  readonly vendorId: number
  readonly productId: number
  readonly product?: string
  readonly manufacturer?: string
  readonly serialNumber?: string
}

/** An open device. Reports are 64 bytes each way, without a report id (CTAP 2.1, section 11.2.2). */
export interface HidConnection {
  /** One report at a time: the caller waits before it writes the next. Rejects with `device-gone` when the device is there no more. */
  write(report: Uint8Array): Promise<void>
  /** Has `listener` hear of everything from now on. Called once. What came before is kept for it. */
  listen(listener: HidListener): void
  /** Harmless when repeated. Afterwards nothing is heard any more. */
  close(): Promise<void>
}

export interface HidListener {
  /** The bytes are the listener's own. Whatever their number: it is the listener's to refuse. */
  report(bytes: Uint8Array): void
  /** The device is there no more, or fails. Nothing comes after that. */
  gone(error: unknown): void
}
