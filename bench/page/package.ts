// The package, for programs that are given to the page as text; and the names that they keep things by.

import * as boxlite from '../../hosts/browser/browser.ts'

Object.assign(globalThis, { boxlite, lite: null, box: null, copy: null, archive: null, bytes: null })
