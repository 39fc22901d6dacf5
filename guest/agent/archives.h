// EXTRACT and ARCHIVE.

#ifndef BOXLITE_ARCHIVES_H
#define BOXLITE_ARCHIVES_H

#include "open.h"

int archive_extract(const struct request *request, struct report *report);
int archive_create(const struct request *request, struct report *report);

#endif
