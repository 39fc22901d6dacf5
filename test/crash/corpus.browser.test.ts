// The corpus of crashed homes in a browser: the same homes, the same core, the same results.

import { describe } from 'vitest'
import { Core } from '../../src/core/core.ts'
import type { Corpus } from './corpus.ts'
import { forgetfulHost, memoryHost } from './corpus-hosts.ts'
import { describeCorpus } from './corpus-suite.ts'
import homes from './corpus/homes.json?raw'

const core = await Core.create()

describe('the corpus of crashed homes', () => describeCorpus(JSON.parse(homes) as Corpus, core, [forgetfulHost, memoryHost]))
