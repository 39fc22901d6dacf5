// Little-endian integers at any address.

#ifndef BOXLITE_BYTES_H
#define BOXLITE_BYTES_H

#include <stdint.h>

static inline uint16_t load16(const uint8_t *at) {
  return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t load24(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
}

static inline uint32_t load32(const uint8_t *at) {
  return load24(at) | (uint32_t)at[3] << 24;
}

static inline uint64_t load64(const uint8_t *at) {
  return load32(at) | (uint64_t)load32(at + 4) << 32;
}

static inline void store16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)value;
  at[1] = (uint8_t)(value >> 8);
}

static inline void store24(uint8_t *at, uint32_t value) {
  store16(at, value);
  at[2] = (uint8_t)(value >> 16);
}

static inline void store32(uint8_t *at, uint32_t value) {
  store24(at, value);
  at[3] = (uint8_t)(value >> 24);
}

static inline void store64(uint8_t *at, uint64_t value) {
  store32(at, (uint32_t)value);
  store32(at + 4, (uint32_t)(value >> 32));
}

#endif
