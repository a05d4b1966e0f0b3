// junest setup: an image out of the network or a file, whole or not at all; and its removal.
#pragma once

#include "cli/junest/command_line.h"
#include "cli/junest/place.h"

namespace nestp::junest {

int set_up(const Place& place, const CommandLine& line);

/// Asks first; no answer is a no.
int remove_image(const Place& place);

}  // namespace nestp::junest
