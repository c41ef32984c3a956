/*
 * settings_yaml: the half of settings_file that knows libyaml.
 */
#ifndef MICROREG_COMMON_SETTINGS_YAML_H
#define MICROREG_COMMON_SETTINGS_YAML_H

#include "common/settings_file.h"

/* Builds file->root; leaves it NULL when the text can't be read, with the mistake noted. -1 then,
 * or when out of memory (file->no_memory). */
int settings_yaml_read(struct settings_file *file, const char *text, size_t len);

#endif
