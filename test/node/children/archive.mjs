// Makes a box with a large, thinly written disk, exports it, imports it again, or says how much memory that took.
import { randomBytes } from 'node:crypto'
import { BoxLite, readArchiveFile, writeArchiveFile } from '../../../dist/hosts/node/node.js'

const [work, homeDir, file, dataMib] = process.argv.slice(2)
const CLUSTER_BYTES = 64 * 1024
const lite = await BoxLite.open({ homeDir })

if (work === 'make') {
  const box = await lite.create({ name: 'big', diskSizeGb: 10 })
  const disk = await box.disk()
  const clusters = Number(dataMib) * 16
  const data = randomBytes(CLUSTER_BYTES)
  // Spread evenly, so that there are many runs and many tables.
  const step = Math.floor(disk.sizeBytes / clusters / CLUSTER_BYTES) * CLUSTER_BYTES
  for (let i = 0; i < clusters; i++) await disk.write(i * step, data)
  await disk.close()
} else if (work === 'export') {
  await writeArchiveFile(file, (await lite.get('big')).export())
} else {
  await lite.import(readArchiveFile(file))
}
await lite.close()
console.log(process.resourceUsage().maxRSS * 1024)
