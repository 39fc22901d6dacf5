// The fields of an OPEN: `tag u8, length u32, bytes`, read in place into a struct that a table describes; and those of a DONE.

#ifndef BOXLITE_FIELDS_H
#define BOXLITE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Texts that may repeat; `items` ends with NULL, has room for `spare` more, and is freed by the owner.
struct texts {
  char **items;
  size_t count;
};

struct span {
  const uint8_t *bytes;
  size_t length;
};

enum field_type {
  FIELD_TEXT,     // char *, ended by NUL, without NUL inside
  FIELD_TEXTS,    // struct texts
  FIELD_U32,      // uint32_t
  FIELD_U64,      // uint64_t
  FIELD_BYTES,    // struct span
  FIELD_TERMINAL, // struct terminal
};

struct terminal {
  bool wanted;
  uint16_t columns;
  uint16_t rows;
};

struct field_rule {
  uint8_t tag;
  enum field_type type;
  bool required;
  size_t offset;
  // Where a bool says that the field was there; 0: nobody wants to know.
  size_t present;
};

enum { TEXTS_SPARE = 8 };

// Reads `length` bytes at `payload` into `target`; writes NULs over the payload and one byte behind it.
// 0, EINVAL, or ENOMEM; texts that were collected are the caller's to free in any case.
int fields_read(uint8_t *payload, size_t length, const struct field_rule *rules, size_t count, void *target);

// The payload of a DONE: the error, then fields.
struct report {
  size_t length;
  uint8_t bytes[8192];
};

void report_begin(struct report *report);
void report_error(struct report *report, int error);
void report_u8(struct report *report, uint8_t tag, uint8_t value);
void report_u32(struct report *report, uint8_t tag, uint32_t value);
void report_u64(struct report *report, uint8_t tag, uint64_t value);
// Cut to what fits.
void report_bytes(struct report *report, uint8_t tag, const void *bytes, size_t length);
void report_text(struct report *report, uint8_t tag, const char *text);

#endif
