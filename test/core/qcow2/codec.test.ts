// Inflating compressed clusters. The portable codec is the same on both hosts; test/qcow2 runs these promises on Node's own.

import { describe } from 'vitest'
import { portableCodec } from '../../../src/disk/codec.ts'
import { codecSuite } from '../../qcow2/codec-suite.ts'

describe('the portable codec', () => codecSuite(portableCodec))
