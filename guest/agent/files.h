// The jobs on single files and directories.

#ifndef BOXLITE_FILES_H
#define BOXLITE_FILES_H

#include "open.h"

int files_read(const struct request *request, struct report *report);
int files_write(const struct request *request, struct report *report);
int files_stat(const struct request *request, struct report *report);
int files_list(const struct request *request, struct report *report);
int files_make_directory(const struct request *request, struct report *report);
int files_remove(const struct request *request, struct report *report);
int files_rename(const struct request *request, struct report *report);
int files_change_mode(const struct request *request, struct report *report);
int files_change_owner(const struct request *request, struct report *report);

#endif
