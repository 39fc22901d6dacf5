export { fileCall } from '../file-call.ts'
