#include "parser.h"

#include <string.h>

#include "bytes.h"

// Header and magic of a HELLO: what ends a hunt.
static const uint8_t hello[PROTOCOL_HEADER_BYTES + PROTOCOL_MAGIC_BYTES] = {
  PROTOCOL_HELLO_BYTES, 0, 0, 0, FRAME_HELLO, 0, 0, 0,
  'b', 'o', 'x', 'l', 'i', 't', 'e', '-', 'a', 'g', 'e', 'n', 't', '\r', '\n', 0x1a,
};

void parser_reset(struct parser *parser) {
  parser->hunting = true;
  parser->start = 0;
  parser->end = 0;
}

// Bytes that the frame in hand still lacks: 0 when it is complete, or when nobody can know yet.
static size_t missing(const struct parser *parser) {
  size_t left = parser->end - parser->start;
  if (left < PROTOCOL_HEADER_BYTES) return 0;
  uint32_t length = load32(parser->bytes + parser->start);
  size_t whole = PROTOCOL_HEADER_BYTES + (size_t)length + 1;
  return length <= PROTOCOL_MAX_PAYLOAD_BYTES && left < whole ? whole - left : 0;
}

size_t parser_space(struct parser *parser, uint8_t **where) {
  // Never more than one piece, as a frame in hand is read to its end and no further: the next one begins at the front again.
  if (parser->start > 0) {
    memmove(parser->bytes, parser->bytes + parser->start, parser->end - parser->start);
    parser->end -= parser->start;
    parser->start = 0;
  }
  *where = parser->bytes + parser->end;
  size_t room = sizeof parser->bytes - parser->end;
  size_t wanted = missing(parser);
  if (wanted == 0) wanted = PARSER_PIECE_BYTES;
  return wanted < room ? wanted : room;
}

void parser_filled(struct parser *parser, size_t count) {
  parser->end += count;
}

static bool sent_by_hosts(uint8_t type) {
  switch (type) {
    case FRAME_HELLO:
    case FRAME_PING:
    case FRAME_OPEN:
    case FRAME_END:
    case FRAME_WINDOW:
    case FRAME_SIGNAL:
    case FRAME_RESIZE:
    case FRAME_CANCEL:
    case FRAME_DATA0:
      return true;
    default:
      return false;
  }
}

// Moves to the next place where a HELLO begins, or may begin with what has come so far.
static void hunt(struct parser *parser) {
  while (parser->start < parser->end) {
    const uint8_t *at = memchr(parser->bytes + parser->start, hello[0], parser->end - parser->start);
    if (at == NULL) break;
    parser->start = (size_t)(at - parser->bytes);
    size_t left = parser->end - parser->start;
    if (memcmp(at, hello, left < sizeof hello ? left : sizeof hello) == 0) return;
    parser->start++;
  }
  parser->start = parser->end;
}

static enum parsed refuse(struct parser *parser, size_t skip, const char **error, const char *why) {
  parser->start += skip;
  parser->hunting = true;
  *error = why;
  return PARSED_ERROR;
}

enum parsed parser_next(struct parser *parser, struct frame *frame, const char **error) {
  for (;;) {
    if (parser->hunting) hunt(parser);
    size_t left = parser->end - parser->start;
    if (left < PROTOCOL_HEADER_BYTES) return PARSED_NOTHING;
    uint8_t *header = parser->bytes + parser->start;
    uint32_t length = load32(header);
    if (length > PROTOCOL_MAX_PAYLOAD_BYTES) return refuse(parser, 1, error, "a frame's length is too large");
    if (!sent_by_hosts(header[4])) return refuse(parser, 1, error, "a frame's type is unknown");
    size_t whole = PROTOCOL_HEADER_BYTES + length + 1;
    if (left < whole) return PARSED_NOTHING;
    if (header[whole - 1] != PROTOCOL_TRAILER) {
      // Its payload is not searched: nothing inside a frame is taken for one.
      if (!parser->hunting) return refuse(parser, whole, error, "a frame's last byte is wrong");
      parser->start++;
      continue;
    }
    *frame = (struct frame){.type = header[4], .stream = load24(header + 5), .length = length, .payload = header + PROTOCOL_HEADER_BYTES};
    parser->start += whole;
    parser->hunting = false;
    return PARSED_FRAME;
  }
}
