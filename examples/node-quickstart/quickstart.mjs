import { BoxLite } from 'boxlite'

const lite = await BoxLite.open()
const box = await lite.create({ image: 'base' })
try {
  console.log((await box.exec('uname', ['-a'])).stdout)
  await box.snapshot.create('clean')
  await box.exec('rm', ['-rf', '/etc'])
  await box.snapshot.restore('clean', { restart: true })
  console.log((await box.exec('ls', ['/etc'])).stdout)
} finally {
  await box.remove({ force: true })
  await lite.close()
}
