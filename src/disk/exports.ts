// What core.wasm exports for disks. Offsets and sizes of files are f64, exact to 2^53.

/** The exports of core/qcow2/, where they are explained. */
export interface DiskExports {
  imageFacts(): number
  imageParse(lengthBytes: number, fileBytes: number): number
  imagePlan(virtualSizeBytes: number, backingNameBytes: number, backingFormat: number): number
  checkBegin(lengthBytes: number, fileBytes: number): number
  checkStep(): number
  checkFacts(): number
}
