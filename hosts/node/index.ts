export { BoxLiteError, isBoxLiteError, type ErrorCode, type ErrorFault } from '../../src/error.ts'
