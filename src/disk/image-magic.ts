import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'

/** What begins an image of a form that is neither qcow2 nor raw, and where. Taken for raw it would be read wrongly, and nobody would notice. */
const foreign: readonly { readonly name: string; readonly offset: number; readonly magic: string }[] = [
  { name: 'VMDK', offset: 0, magic: 'KDMV' },
  { name: 'VMDK', offset: 0, magic: 'COWD' },
  { name: 'VMDK', offset: 0, magic: '# Disk DescriptorFile' },
  { name: 'VHDX', offset: 0, magic: 'vhdxfile' },
  { name: 'VHD', offset: 0, magic: 'conectix' },
  { name: 'VDI', offset: 64, magic: '\x7f\x10\xda\xbe' },
  { name: 'QED', offset: 0, magic: 'QED\0' },
]

const HEAD_BYTES = 128

/** The format that the first bytes of an image tell; `unsupported` for one that is known and cannot be read. `path` names it in the message. */
export async function formatByMagic(file: Pick<LayerFile, 'read'>, path: string): Promise<'qcow2' | 'raw'> {
  const bytes = new Uint8Array(HEAD_BYTES)
  await file.read(bytes, 0)
  const head = String.fromCharCode(...bytes)
  if (head.startsWith('QFI\xfb')) return 'qcow2'
  const known = foreign.find(({ offset, magic }) => head.startsWith(magic, offset))
  if (known === undefined) return 'raw'
  throw new BoxLiteError('unsupported', `${path} looks like an image of the form ${known.name}`, {
    remedy: 'Convert it first (qemu-img convert -O qcow2), or say that its format is raw (--format=raw) if it is a disk that begins like one.',
    facts: { path, form: known.name },
  })
}
