/** The version of the npm package v86 whose names emulator.ts uses. */
export const V86_VERSION = '0.5.462'
