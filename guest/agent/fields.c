#include "fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

enum { FIELD_HEADER_BYTES = 5 };

static const struct field_rule *rule_of(uint8_t tag, const struct field_rule *rules, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (tag != 0 && rules[i].tag == tag) return &rules[i];
  return NULL;
}

// How many fields have a tag that repeats is counted once, so that its array is allocated once.
static size_t count_of(uint8_t tag, const uint8_t *at, const uint8_t *end) {
  size_t count = 0;
  while (end - at >= FIELD_HEADER_BYTES) {
    uint32_t length = load32(at + 1);
    if (*at == tag) count++;
    at += FIELD_HEADER_BYTES;
    if (length > (size_t)(end - at)) break;
    at += length;
  }
  return count;
}

static int put_text(struct texts *texts, char *text, uint8_t tag, const uint8_t *rest, const uint8_t *end) {
  if (texts->items == NULL) {
    texts->items = calloc(1 + count_of(tag, rest, end) + TEXTS_SPARE + 1, sizeof *texts->items);
    if (texts->items == NULL) return ENOMEM;
  }
  texts->items[texts->count++] = text;
  return 0;
}

static int put(const struct field_rule *rule, void *place, uint8_t *value, size_t length, const uint8_t *end) {
  switch (rule->type) {
    case FIELD_TEXT:
      if (memchr(value, 0, length) != NULL) return EINVAL;
      *(char **)place = (char *)value;
      return 0;
    case FIELD_TEXTS:
      if (memchr(value, 0, length) != NULL) return EINVAL;
      return put_text(place, (char *)value, rule->tag, value + length, end);
    case FIELD_U32:
      if (length != 4) return EINVAL;
      *(uint32_t *)place = load32(value);
      return 0;
    case FIELD_U64:
      if (length != 8) return EINVAL;
      *(uint64_t *)place = load64(value);
      return 0;
    case FIELD_BYTES:
      *(struct span *)place = (struct span){.bytes = value, .length = length};
      return 0;
    case FIELD_TERMINAL:
      if (length != 4) return EINVAL;
      *(struct terminal *)place = (struct terminal){.wanted = true, .columns = load16(value), .rows = load16(value + 2)};
      return 0;
  }
  return EINVAL;
}

int fields_read(uint8_t *payload, size_t length, const struct field_rule *rules, size_t count, void *target) {
  bool seen[256] = {false};
  uint8_t *at = payload;
  uint8_t *end = payload + length;
  while (at < end) {
    if (end - at < FIELD_HEADER_BYTES) return EINVAL;
    const struct field_rule *rule = rule_of(at[0], rules, count);
    uint32_t size = load32(at + 1);
    // The tag is read: its byte ends the text before it.
    at[0] = 0;
    at += FIELD_HEADER_BYTES;
    if (rule == NULL || size > (size_t)(end - at)) return EINVAL;
    if (seen[rule->tag] && rule->type != FIELD_TEXTS) return EINVAL;
    seen[rule->tag] = true;
    if (rule->present != 0) *((bool *)target + rule->present) = true;
    int error = put(rule, (uint8_t *)target + rule->offset, at, size, end);
    if (error != 0) return error;
    at += size;
  }
  *end = 0;
  for (size_t i = 0; i < count; i++)
    if (rules[i].required && !seen[rules[i].tag]) return EINVAL;
  return 0;
}

void report_begin(struct report *report) {
  report->length = 4;
  store32(report->bytes, 0);
}

void report_error(struct report *report, int error) {
  store32(report->bytes, (uint32_t)error);
}

void report_bytes(struct report *report, uint8_t tag, const void *bytes, size_t length) {
  size_t room = sizeof report->bytes - report->length;
  if (room < FIELD_HEADER_BYTES) return;
  if (length > room - FIELD_HEADER_BYTES) length = room - FIELD_HEADER_BYTES;
  uint8_t *at = report->bytes + report->length;
  at[0] = tag;
  store32(at + 1, (uint32_t)length);
  memcpy(at + FIELD_HEADER_BYTES, bytes, length);
  report->length += FIELD_HEADER_BYTES + length;
}

void report_u8(struct report *report, uint8_t tag, uint8_t value) {
  report_bytes(report, tag, &value, 1);
}

void report_u32(struct report *report, uint8_t tag, uint32_t value) {
  uint8_t bytes[4];
  store32(bytes, value);
  report_bytes(report, tag, bytes, sizeof bytes);
}

void report_u64(struct report *report, uint8_t tag, uint64_t value) {
  uint8_t bytes[8];
  store64(bytes, value);
  report_bytes(report, tag, bytes, sizeof bytes);
}

void report_text(struct report *report, uint8_t tag, const char *text) {
  report_bytes(report, tag, text, strlen(text));
}
