// Bytes from the channel become frames. Knows nothing of sessions, allocates nothing, and takes any bytes at all.

#ifndef BOXLITE_PARSER_H
#define BOXLITE_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum {
  // What is read where no frame is in hand: a virtio port gives no more at a time.
  PARSER_PIECE_BYTES = 4096,
};

struct frame {
  enum frame_type type;
  uint32_t stream;
  uint32_t length;
  // Inside the parser, until the next call of parser_space. The byte after it may be overwritten too.
  uint8_t *payload;
};

enum parsed {
  PARSED_NOTHING, // more bytes are needed
  PARSED_FRAME,
  PARSED_ERROR,   // from here on it hunts
};

struct parser {
  // Throwing away everything before a HELLO.
  bool hunting;
  size_t start;
  size_t end;
  // A whole frame, behind what a piece may hold before it.
  uint8_t bytes[PROTOCOL_FRAME_BYTES + PARSER_PIECE_BYTES];
};

void parser_reset(struct parser *parser);

// Where the next bytes go, and how many fit: at least one after parser_next returned PARSED_NOTHING.
size_t parser_space(struct parser *parser, uint8_t **where);
void parser_filled(struct parser *parser, size_t count);

// `*error` says what is wrong with PARSED_ERROR.
enum parsed parser_next(struct parser *parser, struct frame *frame, const char **error);

#endif
