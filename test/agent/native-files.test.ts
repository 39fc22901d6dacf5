import { filesSuite } from '../api/files-suite.ts'
import { nativeSubjectRefusal, openNativeSubject } from './native-subject.ts'

filesSuite('a native agent', openNativeSubject, nativeSubjectRefusal())
