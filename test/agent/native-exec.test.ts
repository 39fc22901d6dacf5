import { execSuite } from '../api/exec-suite.ts'
import { nativeSubjectRefusal, openNativeSubject } from './native-subject.ts'

execSuite('a native agent', openNativeSubject, nativeSubjectRefusal())
