// What core.wasm exports for disks. Offsets and sizes of files are f64, exact to 2^53.

/** The exports of core/qcow2/, where they are explained. */
export interface DiskExports {
  imageFacts(): number
  imageParse(lengthBytes: number, fileBytes: number): number
  imagePlan(virtualSizeBytes: number, backingNameBytes: number, backingFormat: number): number
  checkBegin(lengthBytes: number, fileBytes: number): number
  checkStep(): number
  checkFacts(): number
  imageRepoint(headerBytes: number, nameBytes: number, format: number, fileBytes: number): number
  imageParts(): number
  diskBegin(cacheBytes: number): number
  diskAdd(format: number, fileBytes: number, headerBytes: number): number
  diskFacts(): number
  diskSupply(layer: number, offset: number, bytes: number): number
  diskMap(offset: number, length: number, depth: number): number
  diskWritable(): number
  diskPrepare(): number
  diskWrite(offset: number, length: number): number
  diskZero(offset: number, length: number): number
  diskStepDone(): number
  diskStepDrop(): void
  diskDirty(phase: number): number
  diskClean(phase: number): void
  diskFreed(): number
  diskRelease(): number
  diskGrow(sizeBytes: number): number
  diskSetSize(sizeBytes: number): number
  diskParts(part: number): number
  bulkBegin(virtualSizeBytes: number, backingNameBytes: number, backingFormat: number): number
  bulkPlace(guestOffset: number, bytes: number): number
  bulkZero(guestOffset: number): number
  bulkEnd(): number
  bulkWrites(): number
}
